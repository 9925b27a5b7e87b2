-- A ceiling can be changed: narrowed at once, widened perhaps only with a second person.
GRANT UPDATE (scope, may_act, scope_reviews) ON agents TO token;

-- What one person asked for and another one must agree to. Tenant "*" is what concerns all of them.
CREATE TABLE proposals (
  tenant text NOT NULL,
  id text NOT NULL,
  action text NOT NULL CHECK (action IN ('revoke-tenant', 'rotate-key', 'widen-scope')),
  change jsonb NOT NULL,
  by text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- Set once, by one conditional update.
  approver text,
  approved_at timestamptz,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX proposals_expired ON proposals (expires_at);

ALTER TABLE proposals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON proposals USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_service ON proposals TO token USING (current_setting('aegis.scope', true) = 'service' AND tenant = '*');

GRANT SELECT, INSERT ON proposals TO token;
GRANT UPDATE (approver, approved_at) ON proposals TO token;
