-- One row per tenant. Locking it is what gives revisions their numbers, one after the other and without a gap.
CREATE TABLE heads (
  tenant text PRIMARY KEY,
  -- 0 until the first revision.
  revision integer NOT NULL CHECK (revision >= 0)
);

-- Each revision is the tenant's whole set of policies, and never changes.
CREATE TABLE revisions (
  tenant text NOT NULL,
  revision integer NOT NULL CHECK (revision >= 1),
  version text NOT NULL,
  -- Snapshot digest: what the bundle's signature covers.
  digest text NOT NULL,
  -- Over the files as they were given, to recognise the same set again.
  source_digest text NOT NULL,
  author text NOT NULL,
  message text NOT NULL,
  -- The revision whose files these are, when this one was made by a rollback.
  restores integer,
  created_at timestamptz NOT NULL,
  -- Kept as text is kept: jsonb would refuse what JSON allows in strings.
  files json NOT NULL,
  tarball bytea NOT NULL,
  -- When it was first handed out as the tenant's head; null until then.
  published_at timestamptz,
  PRIMARY KEY (tenant, revision),
  FOREIGN KEY (tenant, restores) REFERENCES revisions (tenant, revision)
);

-- What each authz replica last said it enforces.
CREATE TABLE activations (
  tenant text NOT NULL,
  replica text NOT NULL,
  revision integer NOT NULL,
  activated_at timestamptz NOT NULL,
  milliseconds_since_issue double precision NOT NULL,
  PRIMARY KEY (tenant, replica)
);

CREATE TABLE outbox (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  subject text NOT NULL,
  event bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE heads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE revisions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE activations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY of_tenant ON heads USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON revisions USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON activations USING (tenant = nullif(current_setting('aegis.tenant', true), ''));

-- The service looks across tenants for the heads it must keep handed out; it changes rows only inside a tenant.
CREATE POLICY of_service ON heads FOR SELECT TO policy_compiler USING (current_setting('aegis.scope', true) = 'service');
CREATE POLICY of_service ON revisions FOR SELECT TO policy_compiler USING (current_setting('aegis.scope', true) = 'service');

GRANT SELECT, INSERT ON heads TO policy_compiler;
GRANT UPDATE (revision) ON heads TO policy_compiler;
GRANT SELECT, INSERT ON revisions TO policy_compiler;
GRANT UPDATE (published_at) ON revisions TO policy_compiler;
GRANT SELECT, INSERT, UPDATE ON activations TO policy_compiler;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO policy_compiler;
