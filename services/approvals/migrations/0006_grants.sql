-- Standing leave for calls like one that people saw: what it covers, how often, until when.
CREATE TABLE grants (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  -- The request it was made from.
  approval_id uuid NOT NULL REFERENCES approvals (id),
  state text NOT NULL CHECK (state IN ('proposed', 'live', 'revoked')),
  agent text NOT NULL,
  -- On whose behalf; null: on anybody's.
  subject text,
  tool text NOT NULL,
  action text NOT NULL,
  rule_digest text NOT NULL,
  queue text NOT NULL,
  quorum integer NOT NULL CHECK (quorum >= 1),
  -- JSON pointer → {min?, max?, equals?}.
  bounds json NOT NULL,
  max_uses integer NOT NULL CHECK (max_uses BETWEEN 1 AND 10000),
  uses integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
  comment text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_by text,
  revoked_at timestamptz,
  CHECK ((state = 'revoked') = (revoked_by IS NOT NULL))
);
CREATE INDEX grants_of_agent ON grants (tenant, agent, expires_at DESC);
CREATE INDEX grants_listed ON grants (tenant, id DESC);

-- Who stands behind it; it is live once as many people as the call needs do.
CREATE TABLE grant_backers (
  grant_id uuid NOT NULL REFERENCES grants (id),
  tenant text NOT NULL,
  voter text NOT NULL,
  person text NOT NULL,
  backed_at timestamptz NOT NULL,
  PRIMARY KEY (grant_id, person)
);

-- Every decision that used one.
CREATE TABLE grant_uses (
  decision_id uuid PRIMARY KEY,
  tenant text NOT NULL,
  grant_id uuid NOT NULL REFERENCES grants (id),
  instance text NOT NULL,
  action_digest text NOT NULL,
  used_at timestamptz NOT NULL
);
CREATE INDEX grant_uses_grant ON grant_uses (grant_id, used_at DESC);

ALTER TABLE grants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE grant_backers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE grant_uses ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON grants USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON grant_backers USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON grant_uses USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_service ON grants FOR SELECT TO approvals USING (current_setting('aegis.scope', true) = 'service');
GRANT SELECT, INSERT ON grants, grant_backers, grant_uses TO approvals;
GRANT UPDATE (state, uses, revoked_by, revoked_at) ON grants TO approvals;

-- What an agent asked before, and what waits of one kind.
CREATE INDEX approvals_of_call ON approvals (tenant, agent, tool, action, id DESC);
