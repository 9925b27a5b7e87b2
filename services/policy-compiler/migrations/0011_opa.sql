-- What each OPA last said of itself. It says so itself: nothing here is evidence.
CREATE TABLE opa_instances (
  tenant text NOT NULL,
  -- The id that OPA gives itself at each start.
  instance text NOT NULL,
  reported_by text NOT NULL,
  version text NOT NULL,
  -- Of the bundle it has active; null when it named none.
  revision integer,
  -- Why it could not take the newest bundle; null when it could.
  error text,
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, instance)
);

-- Decisions that OPAs report having made. Without arguments: those may hold what no event may.
CREATE TABLE opa_decisions (
  tenant text NOT NULL,
  decision_id text NOT NULL,
  instance text NOT NULL,
  path text NOT NULL,
  agent text,
  tool text,
  action text,
  decision text,
  -- Codes, in order.
  reasons text[] NOT NULL,
  revision integer,
  decided_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, decision_id)
);
CREATE INDEX opa_decisions_received ON opa_decisions (tenant, received_at);

ALTER TABLE opa_instances ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE opa_decisions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON opa_instances USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON opa_decisions USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON opa_instances TO policy_compiler;
GRANT SELECT, INSERT, DELETE ON opa_decisions TO policy_compiler;
