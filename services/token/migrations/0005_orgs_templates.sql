-- Which organisation a tenant belongs to. Whoever runs the fabric says so, never a tenant: an org-auditor reads what is here.
CREATE TABLE tenant_orgs (
  tenant text PRIMARY KEY,
  org text NOT NULL,
  since timestamptz NOT NULL,
  by text NOT NULL
);
CREATE INDEX tenant_orgs_org ON tenant_orgs (org, tenant);

ALTER TABLE tenant_orgs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON tenant_orgs USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
-- An organisation's tenants are listed over all of them.
CREATE POLICY of_service ON tenant_orgs FOR SELECT TO token USING (current_setting('aegis.scope', true) = 'service');

GRANT SELECT, INSERT, DELETE ON tenant_orgs TO token;
GRANT UPDATE (org, since, by) ON tenant_orgs TO token;
-- Agents' tokens name the organisation.
GRANT UPDATE (org) ON agents TO token;

-- What agents of one sort are: a registration that names a template takes from it what it leaves out, and may only be narrower.
CREATE TABLE templates (
  tenant text NOT NULL,
  name text NOT NULL,
  purpose text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('generative', 'agentic')),
  risk text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
  scope text[] NOT NULL,
  may_act text[] NOT NULL,
  scope_reviews jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (tenant, name)
);
ALTER TABLE templates ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON templates USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
GRANT SELECT, INSERT, DELETE ON templates TO token;

-- Which template an agent was made from.
ALTER TABLE agents ADD COLUMN template text;
