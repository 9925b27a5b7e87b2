-- The truth about one account in one window. Units are whole: micro_usd, tokens or actions.
CREATE TABLE accounts (
  tenant text NOT NULL,
  scope text NOT NULL,
  unit text NOT NULL CHECK (unit IN ('micro_usd', 'tokens', 'actions')),
  window_kind text NOT NULL CHECK (window_kind IN ('day', 'prompt', 'session')),
  window_start timestamptz NOT NULL,
  -- The limit as last known.
  limit_units bigint NOT NULL CHECK (limit_units >= 0),
  -- The limit that held at the last grant: what was granted never exceeds it, also after the limit was lowered.
  ceiling bigint NOT NULL CHECK (ceiling >= 0),
  leased bigint NOT NULL DEFAULT 0 CHECK (leased >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  settled bigint NOT NULL DEFAULT 0 CHECK (settled >= 0),
  -- Spent without having been granted: it is owed, and leaves that much less.
  overrun bigint NOT NULL DEFAULT 0 CHECK (overrun >= 0),
  -- What the last lease got, so that one statement can both decide and tell.
  last_grant bigint NOT NULL DEFAULT 0,
  -- The limit for which people were told, so that they are told once per crossing.
  threshold_told bigint,
  exhausted_told bigint,
  PRIMARY KEY (tenant, scope, unit, window_kind, window_start),
  CONSTRAINT nothing_beyond_the_limit CHECK (leased + reserved + settled <= ceiling)
);

-- Shares of accounts in the hands of authz. `spent` is known once the holder gave it back.
CREATE TABLE leases (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  scope text NOT NULL,
  unit text NOT NULL,
  window_kind text NOT NULL,
  window_start timestamptz NOT NULL,
  producer text NOT NULL,
  epoch text NOT NULL,
  granted bigint NOT NULL CHECK (granted > 0),
  attributed bigint NOT NULL DEFAULT 0 CHECK (attributed >= 0),
  spent bigint,
  granted_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  closed_at timestamptz,
  CHECK (attributed <= coalesce(spent, granted)),
  FOREIGN KEY (tenant, scope, unit, window_kind, window_start) REFERENCES accounts
);
CREATE INDEX leases_open ON leases (producer, epoch) WHERE closed_at IS NULL;

-- The lives of each producer: a new one fences all before it.
CREATE TABLE epochs (
  producer text NOT NULL,
  epoch text NOT NULL,
  first_seen timestamptz NOT NULL,
  superseded_at timestamptz,
  -- When its latest decision was made that has been heard.
  heard_until timestamptz,
  PRIMARY KEY (producer, epoch)
);
CREATE UNIQUE INDEX epochs_one_alive ON epochs (producer) WHERE superseded_at IS NULL;

-- What each decision holds or has spent. A decision counts once per account and lease; no lease means that it was reserved directly.
CREATE TABLE reservations (
  tenant text NOT NULL,
  decision_id uuid NOT NULL,
  scope text NOT NULL,
  unit text NOT NULL,
  window_kind text NOT NULL,
  window_start timestamptz NOT NULL,
  lease_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  units bigint NOT NULL CHECK (units > 0),
  settled bigint NOT NULL DEFAULT 0 CHECK (settled >= 0 AND settled <= units),
  -- Units no lease covered any more: they are held in the account's overrun.
  owed boolean NOT NULL DEFAULT false,
  state text NOT NULL CHECK (state IN ('reserved', 'settled', 'released')),
  reserved_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, decision_id, scope, unit, window_kind, lease_id, owed),
  FOREIGN KEY (tenant, scope, unit, window_kind, window_start) REFERENCES accounts
);
CREATE INDEX reservations_held ON reservations (reserved_at) WHERE state = 'reserved';
CREATE INDEX reservations_of_decision ON reservations (decision_id);

-- Decisions and outcomes, each heard once, in whichever order they arrive.
CREATE TABLE decisions (
  tenant text NOT NULL,
  decision_id uuid NOT NULL,
  decided_at timestamptz,
  agent text,
  tool text,
  prompt_id text,
  micro_usd bigint,
  tokens bigint,
  outcome text CHECK (outcome IN ('executed', 'failed', 'rolled_back')),
  actual_micro_usd bigint,
  actual_tokens bigint,
  PRIMARY KEY (tenant, decision_id)
);
CREATE INDEX decisions_by_time ON decisions (tenant, decided_at);

-- Limits set by people, beside those of policies; the lowest wins.
CREATE TABLE limits (
  tenant text NOT NULL,
  scope text NOT NULL,
  unit text NOT NULL CHECK (unit IN ('micro_usd', 'tokens', 'actions')),
  window_kind text NOT NULL CHECK (window_kind IN ('day', 'prompt', 'session')),
  units bigint NOT NULL CHECK (units >= 0),
  set_by text NOT NULL,
  set_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, scope, unit, window_kind)
);

-- Model usage reported from outside tool calls, each report once.
CREATE TABLE usages (
  tenant text NOT NULL,
  usage_id text NOT NULL,
  agent text NOT NULL,
  prompt_id text NOT NULL,
  tokens bigint NOT NULL CHECK (tokens >= 0),
  micro_usd bigint NOT NULL CHECK (micro_usd >= 0),
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, usage_id)
);
CREATE INDEX usages_by_time ON usages (tenant, reported_at);

CREATE TABLE outbox (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  subject text NOT NULL,
  event bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE leases ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE reservations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE decisions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE limits ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE usages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY of_tenant ON accounts USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON leases USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON reservations USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON decisions USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON limits USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON usages USING (tenant = nullif(current_setting('aegis.tenant', true), ''));

-- The service itself may look across tenants for what is overdue and whose an id is; it changes rows only inside a tenant.
CREATE POLICY of_service ON leases FOR SELECT TO budget USING (current_setting('aegis.scope', true) = 'service');
CREATE POLICY of_service ON reservations FOR SELECT TO budget USING (current_setting('aegis.scope', true) = 'service');

GRANT SELECT, INSERT, UPDATE ON accounts, leases, epochs, reservations, decisions TO budget;
GRANT SELECT, INSERT, UPDATE, DELETE ON limits TO budget;
GRANT SELECT, INSERT ON usages TO budget;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO budget;
