-- What seals the data of one person in the tenant's events. `subject` is a pseudonym; `sealed` is the key under a secret that is not in the
-- database, and null once the person is erased: then no key of that number is made again.
CREATE TABLE subject_keys (
  tenant text NOT NULL,
  subject text NOT NULL,
  generation int NOT NULL CHECK (generation > 0),
  sealed text,
  made_at timestamptz NOT NULL,
  erased_at timestamptz,
  PRIMARY KEY (tenant, subject, generation),
  CHECK ((sealed IS NULL) = (erased_at IS NOT NULL))
);
CREATE UNIQUE INDEX subject_keys_live ON subject_keys (tenant, subject) WHERE sealed IS NOT NULL;

-- Who asked for an erasure, who agreed, and when it was done.
CREATE TABLE erasures (
  tenant text NOT NULL,
  id uuid NOT NULL,
  subject text NOT NULL,
  reason text NOT NULL,
  by text NOT NULL,
  asked_at timestamptz NOT NULL,
  -- Until when a second person may agree.
  expires_at timestamptz NOT NULL,
  approver text,
  done_at timestamptz,
  PRIMARY KEY (tenant, id)
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['subject_keys', 'erasures'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant = nullif(current_setting(''aegis.tenant'', true), ''''))', name);
    EXECUTE format('CREATE POLICY service ON %I TO audit USING (current_setting(''aegis.scope'', true) = ''service'')', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO audit', name);
  END LOOP;
END
$$;
