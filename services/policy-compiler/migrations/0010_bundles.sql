-- The bundle of each tenant's newest revision as it is handed out: who signed it, and the digest that heads pin.
CREATE TABLE bundles (
  tenant text PRIMARY KEY,
  revision integer NOT NULL,
  -- kid of the key whose signature the tarball carries.
  key_id text NOT NULL,
  -- SHA-256 of the tarball, every byte of it.
  digest text NOT NULL,
  -- Null when it is the revision's own; else the same content, signed again by a newer key.
  tarball bytea,
  FOREIGN KEY (tenant, revision) REFERENCES revisions (tenant, revision)
);

ALTER TABLE bundles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON bundles USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
GRANT SELECT, INSERT, UPDATE ON bundles TO policy_compiler;
