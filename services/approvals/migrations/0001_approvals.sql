CREATE TABLE approvals (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'redeemed')),
  agent text NOT NULL,
  subject text NOT NULL,
  chain text[] NOT NULL,
  tool text NOT NULL,
  action text NOT NULL,
  -- Kept as text is kept: jsonb would refuse what JSON allows in strings.
  arguments json NOT NULL,
  reasons json NOT NULL,
  action_digest text NOT NULL,
  rule_digest text NOT NULL,
  queue text NOT NULL,
  quorum integer NOT NULL CHECK (quorum >= 1),
  requested_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_by text[] NOT NULL DEFAULT '{}',
  decided_at timestamptz,
  version integer NOT NULL DEFAULT 1,
  -- SHA-256 of the one-time token; the token itself is kept nowhere.
  override_hash bytea UNIQUE CHECK (octet_length(override_hash) = 32),
  override_instance text,
  redeemed_by uuid,
  redeemed_at timestamptz,
  CHECK ((state = 'redeemed') = (redeemed_by IS NOT NULL)),
  CHECK (redeemed_by IS NULL OR override_hash IS NOT NULL)
);

-- The same call under the same rule is asked once at a time.
CREATE UNIQUE INDEX approvals_one_pending ON approvals (tenant, agent, action_digest, rule_digest) WHERE state = 'pending';
CREATE INDEX approvals_due ON approvals (expires_at) WHERE state IN ('pending', 'approved');
CREATE INDEX approvals_listed ON approvals (tenant, id DESC);

-- Every id authz ever minted, and the approval it became.
CREATE TABLE aliases (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  approval_id uuid NOT NULL REFERENCES approvals (id),
  instance text NOT NULL
);
CREATE INDEX aliases_approval ON aliases (approval_id);

CREATE TABLE votes (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  approval_id uuid NOT NULL REFERENCES approvals (id),
  tenant text NOT NULL,
  voter text NOT NULL,
  -- One spelling per person: a quorum counts people, not clicks.
  person text NOT NULL,
  decision text NOT NULL CHECK (decision IN ('approve', 'deny')),
  comment text NOT NULL,
  voted_at timestamptz NOT NULL,
  UNIQUE (approval_id, person, decision)
);

-- Who answers for an agent, as its registration said.
CREATE TABLE owners (
  tenant text NOT NULL,
  agent text NOT NULL,
  owner text NOT NULL,
  PRIMARY KEY (tenant, agent)
);

CREATE TABLE outbox (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  subject text NOT NULL,
  event bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE approvals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE aliases ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE votes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE owners ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY of_tenant ON approvals USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON aliases USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON votes USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON owners USING (tenant = nullif(current_setting('aegis.tenant', true), ''));

-- The service itself may look across tenants to find what is due and whose an id is; it changes rows only inside a tenant.
CREATE POLICY of_service ON approvals FOR SELECT TO approvals USING (current_setting('aegis.scope', true) = 'service');
CREATE POLICY of_service ON aliases FOR SELECT TO approvals USING (current_setting('aegis.scope', true) = 'service');

GRANT SELECT, INSERT ON approvals TO approvals;
GRANT UPDATE (state, expires_at, decided_by, decided_at, version, override_hash, override_instance, redeemed_by, redeemed_at)
  ON approvals TO approvals;
GRANT SELECT, INSERT ON aliases, votes TO approvals;
GRANT SELECT, INSERT, UPDATE ON owners TO approvals;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO approvals;
