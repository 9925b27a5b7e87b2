-- Where a tenant's entries are sent, and how far that got. `target` names secrets and holds none.
CREATE TABLE sinks (
  tenant text NOT NULL,
  name text NOT NULL,
  target jsonb NOT NULL,
  format text NOT NULL,
  -- Only entries of these kinds; none means all.
  kinds text[] NOT NULL DEFAULT '{}',
  -- Goes up with each change of what is above: who still delivers by the old settings must not move the cursor.
  generation bigint NOT NULL DEFAULT 1,
  -- The last sequence that is settled: delivered, or refused by the target for good.
  cursor bigint NOT NULL,
  delivered bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  -- Since the last success.
  failures int NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error text,
  last_success_at timestamptz,
  retry_at timestamptz NOT NULL DEFAULT now(),
  -- Which instance delivers, until when it may without saying so again.
  holder text,
  held_until timestamptz NOT NULL DEFAULT now(),
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);

-- Entries that a target refused for good, each with what it said. They are in the ledger all the same.
CREATE TABLE sink_rejections (
  tenant text NOT NULL,
  sink text NOT NULL,
  sequence bigint NOT NULL,
  reason text NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, sink, sequence),
  FOREIGN KEY (tenant, sink) REFERENCES sinks (tenant, name) ON DELETE CASCADE
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sinks', 'sink_rejections'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant = nullif(current_setting(''aegis.tenant'', true), ''''))', name);
    EXECUTE format('CREATE POLICY service ON %I TO audit USING (current_setting(''aegis.scope'', true) = ''service'')', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO audit', name);
    EXECUTE format('GRANT SELECT ON %I TO aegis_reader', name);
  END LOOP;
END
$$;
