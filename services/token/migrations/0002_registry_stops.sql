-- An agent that is registered mints nothing until it is made active; a retired one has ended in peace.
ALTER TABLE agents DROP CONSTRAINT agents_state_check;
ALTER TABLE agents ADD CONSTRAINT agents_state_check CHECK (state IN ('registered', 'active', 'suspended', 'retired', 'revoked'));
-- What the agent is made of (prompt, model, tools, connectors, data), as approved: a digest of the digests of its parts.
ALTER TABLE agents ADD COLUMN fingerprint text CHECK (fingerprint ~ '^sha256:[0-9a-f]{64}$');
-- Why it holds what it holds: JSON objects {scope, justification, reviewBy}.
ALTER TABLE agents ADD COLUMN scope_reviews jsonb NOT NULL DEFAULT '[]';
CREATE INDEX agents_owner ON agents (tenant, owner);

-- Owners and tenants that were revoked as a whole: nothing of theirs is registered any more.
CREATE TABLE stops (
  tenant text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('owner', 'tenant')),
  name text NOT NULL,
  since timestamptz NOT NULL,
  by text NOT NULL,
  PRIMARY KEY (tenant, kind, name)
);

-- When an agent was last given a token, kept longer than its tokens are.
CREATE TABLE agent_use (
  tenant text NOT NULL,
  agent text NOT NULL,
  last_issued_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, agent)
);

-- Initial access tokens (RFC 7591 §3.1): what lets a stranger register itself, so often and within these ceilings.
CREATE TABLE registration_tokens (
  tenant text NOT NULL,
  id text NOT NULL,
  -- SHA-256 of the secret: 32 random bytes need no slow hash.
  hash bytea NOT NULL,
  scope text[] NOT NULL,
  may_act text[] NOT NULL,
  risk text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
  owner text NOT NULL,
  -- Agents registered with it are active at once, or wait for an operator.
  active boolean NOT NULL,
  uses_left integer NOT NULL CHECK (uses_left >= 0),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (tenant, id)
);

ALTER TABLE stops ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE agent_use ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE registration_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON stops USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON agent_use USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON registration_tokens USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_service ON stops FOR SELECT TO token USING (current_setting('aegis.scope', true) = 'service');
-- The service notes the use of tokens it is about to forget.
CREATE POLICY of_service ON agent_use TO token USING (current_setting('aegis.scope', true) = 'service');

GRANT UPDATE (fingerprint) ON agents TO token;
GRANT SELECT, INSERT ON stops TO token;
GRANT SELECT, INSERT ON agent_use TO token;
GRANT UPDATE (last_issued_at) ON agent_use TO token;
GRANT SELECT, INSERT ON registration_tokens TO token;
GRANT UPDATE (uses_left) ON registration_tokens TO token;
