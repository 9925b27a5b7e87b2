CREATE TABLE agents (
  tenant text NOT NULL,
  agent text NOT NULL,
  org text NOT NULL,
  owner text NOT NULL,
  purpose text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('generative', 'agentic')),
  risk text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
  -- The ceiling: no token of this agent ever holds more.
  scope text[] NOT NULL,
  -- The agents on whose tokens this one may act.
  may_act text[] NOT NULL,
  public_jwk jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('active', 'suspended', 'revoked')),
  state_since timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (tenant, agent)
);
CREATE INDEX agents_stopped ON agents (state_since) WHERE state <> 'active';

-- Every token that may still be good, so that it can be revoked with all that came of it.
CREATE TABLE tokens (
  tenant text NOT NULL,
  id text NOT NULL,
  agent text NOT NULL,
  parent_id text,
  -- The agents that act through it, newest first.
  chain text[] NOT NULL,
  subject text NOT NULL,
  scope text NOT NULL,
  depth integer NOT NULL,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (tenant, id),
  FOREIGN KEY (tenant, agent) REFERENCES agents (tenant, agent)
);
CREATE INDEX tokens_children ON tokens (tenant, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX tokens_expired ON tokens (expires_at);
CREATE INDEX tokens_revoked ON tokens (expires_at) WHERE revoked_at IS NOT NULL;

-- Client assertions already used (RFC 7523 §3, point 7).
CREATE TABLE assertions (
  tenant text NOT NULL,
  agent text NOT NULL,
  id text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, agent, id)
);
CREATE INDEX assertions_expired ON assertions (expires_at);

-- Keys that sign tokens, sealed with a key that is not in the database. The public half is read from the sealed one:
-- whoever can write here cannot add a key that verifiers would trust.
CREATE TABLE signing_keys (
  kid text PRIMARY KEY,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  -- Published before it signs, so that every verifier knows it by then.
  signs_from timestamptz NOT NULL,
  -- Published no longer after this; empty for the newest.
  published_until timestamptz
);

CREATE TABLE outbox (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  subject text NOT NULL,
  event bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE agents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE assertions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY of_tenant ON agents USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON tokens USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON assertions USING (tenant = nullif(current_setting('aegis.tenant', true), ''));

-- The service itself looks across tenants for what is revoked, and clears away what has expired; it changes nothing else.
CREATE POLICY of_service ON agents FOR SELECT TO token USING (current_setting('aegis.scope', true) = 'service');
CREATE POLICY of_service ON tokens FOR SELECT TO token USING (current_setting('aegis.scope', true) = 'service');
CREATE POLICY of_service ON assertions FOR SELECT TO token USING (current_setting('aegis.scope', true) = 'service');
CREATE POLICY expired ON tokens FOR DELETE TO token USING (current_setting('aegis.scope', true) = 'service' AND expires_at < now());
CREATE POLICY expired ON assertions FOR DELETE TO token USING (current_setting('aegis.scope', true) = 'service' AND expires_at < now());

GRANT SELECT, INSERT ON agents TO token;
GRANT UPDATE (state, state_since) ON agents TO token;
GRANT SELECT, INSERT, DELETE ON tokens TO token;
GRANT UPDATE (revoked_at) ON tokens TO token;
GRANT SELECT, INSERT, DELETE ON assertions TO token;
GRANT SELECT, INSERT ON signing_keys TO token;
GRANT UPDATE (published_until) ON signing_keys TO token;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO token;
