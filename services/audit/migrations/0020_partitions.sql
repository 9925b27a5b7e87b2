-- Entries in a partition for each month in which they were recorded, so that retention can drop one. What makes ingestion exactly once
-- must hold across partitions: it moves to `entry_keys`, which a trigger fills for whoever inserts, the previous version too.
SET LOCAL timezone = 'UTC';

CREATE TABLE entry_keys (
  tenant text NOT NULL,
  id text NOT NULL,
  sequence bigint NOT NULL,
  -- Tells the partition.
  recorded_at timestamptz NOT NULL,
  producer text,
  epoch text,
  producer_sequence bigint,
  -- What is quarantined claims a place of its producer's without taking it: its id; else empty.
  claim text NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX entry_keys_places ON entry_keys (producer, epoch, producer_sequence, claim) INCLUDE (tenant, sequence)
  WHERE producer_sequence IS NOT NULL;

-- The owner sees its own rows while it moves them.
ALTER TABLE entries NO FORCE ROW LEVEL SECURITY;
INSERT INTO entry_keys
  SELECT tenant, id, sequence, recorded_at, producer, epoch, producer_sequence, CASE WHEN kind = 'quarantine' THEN id ELSE '' END FROM entries;

ALTER TABLE entries RENAME TO entries_first;
ALTER TABLE entries_first DROP CONSTRAINT entries_pkey, DROP CONSTRAINT entries_tenant_id_key;
DROP INDEX entries_producer;
DROP POLICY tenant ON entries_first;
DROP POLICY service ON entries_first;
REVOKE ALL ON entries_first FROM audit, aegis_reader;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['agent', 'session', 'prompt', 'about', 'reasons', 'occurred', 'digest'] LOOP
    EXECUTE format('ALTER INDEX entries_%s RENAME TO entries_first_%1$s', name);
  END LOOP;
END
$$;
-- A row trigger of the parent reaches every partition; this one would stand beside it.
DROP TRIGGER refuse_row_change ON entries_first;

CREATE TABLE entries (LIKE entries_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (recorded_at);
CREATE UNIQUE INDEX entries_sequence ON entries (tenant, sequence, recorded_at);
CREATE INDEX entries_agent ON entries (tenant, agent, sequence);
CREATE INDEX entries_session ON entries (tenant, session, sequence) WHERE session IS NOT NULL;
CREATE INDEX entries_prompt ON entries (tenant, prompt, sequence) WHERE prompt IS NOT NULL;
CREATE INDEX entries_about ON entries (tenant, about, sequence) WHERE about IS NOT NULL;
CREATE INDEX entries_reasons ON entries (tenant, sequence) INCLUDE (reasons) WHERE reasons IS NOT NULL;
CREATE INDEX entries_occurred ON entries (tenant, occurred_at, sequence);
CREATE INDEX entries_digest ON entries USING brin (action_digest text_bloom_ops) WITH (pages_per_range = 32, autosummarize = on);
CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION keep_keys() RETURNS trigger LANGUAGE plpgsql SET search_path = audit, pg_temp AS $$
BEGIN
  INSERT INTO entry_keys
    SELECT tenant, id, sequence, recorded_at, producer, epoch, producer_sequence, CASE WHEN kind = 'quarantine' THEN id ELSE '' END FROM fresh;
  RETURN NULL;
END
$$;
CREATE TRIGGER keep_keys AFTER INSERT ON entries REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION keep_keys();

-- How long entries stay. The service may read it; it is set by whoever may migrate.
CREATE TABLE retention (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  days int NOT NULL CHECK (days BETWEEN 1 AND 36500)
);
INSERT INTO retention (days) VALUES (2555);

-- What no retention removes, until it is released. Nothing of it is deleted: placing and releasing are entries, too.
CREATE TABLE holds (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  agent text,
  prompt text,
  -- Entries that occurred from, and before.
  from_at timestamptz,
  to_at timestamptz,
  reason text NOT NULL,
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now(),
  released_by text,
  released_at timestamptz,
  release_reason text
);
CREATE INDEX holds_tenant ON holds (tenant);

-- What is left of an entry beyond retention: its leaf's hash, so that every proof still holds, and its number among its producer's.
CREATE TABLE retired_leaves (
  tenant text NOT NULL,
  sequence bigint NOT NULL,
  leaf_hash bytea NOT NULL,
  producer text,
  epoch text,
  producer_sequence bigint,
  PRIMARY KEY (tenant, sequence)
);

-- Events of the ledger's own on their way into it.
CREATE TABLE own_events (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  subject text NOT NULL,
  event bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON retired_leaves FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON retired_leaves FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['entries', 'entry_keys', 'holds', 'retired_leaves', 'own_events'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant = nullif(current_setting(''aegis.tenant'', true), ''''))', name);
    EXECUTE format('CREATE POLICY service ON %I TO audit, audit_owner USING (current_setting(''aegis.scope'', true) = ''service'')', name);
    EXECUTE format('GRANT SELECT ON %I TO audit, aegis_reader', name);
  END LOOP;
END
$$;
GRANT INSERT ON entries, entry_keys TO audit;
GRANT INSERT, UPDATE ON holds TO audit;
GRANT INSERT, DELETE ON own_events TO audit;
GRANT SELECT ON retention TO audit;

-- Partitions are reached through `entries` alone: nobody has rights on them.
CREATE FUNCTION guard_partition(name text) RETURNS void LANGUAGE plpgsql SET search_path = audit, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY service ON %I TO audit_owner USING (current_setting(''aegis.scope'', true) = ''service'')', name);
  EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
END
$$;
REVOKE ALL ON FUNCTION guard_partition FROM PUBLIC;

-- Sees to the partition of the month that begins then. False when there is one, or when another holds what belongs there.
CREATE FUNCTION add_month(month date) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = audit, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
  first date := date_trunc('month', month)::date;
  name text := 'entries_' || to_char(first, 'YYYY_MM');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('audit months'));
  IF to_regclass(name) IS NOT NULL THEN RETURN false; END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF entries FOR VALUES FROM (%L) TO (%L)', name, first::timestamptz, (first + interval '1 month')::timestamptz);
  PERFORM guard_partition(name);
  RETURN true;
EXCEPTION WHEN invalid_object_definition OR check_violation THEN
  RETURN false;
END
$$;

-- Every month's partition with its end; the last, without one, has what belongs to no month.
CREATE VIEW months AS
  SELECT c.relname::text AS name, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS until,
    pg_total_relation_size(c.oid) AS bytes
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('audit.entries');
GRANT SELECT ON months TO audit;

-- Removes what one month's partition holds beyond retention; leaf hashes stay, and what is held. Says so, to each tenant's ledger.
-- Gives how many entries it removed. Refuses a partition that retention has not passed.
CREATE FUNCTION retire_month(partition text) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = audit, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
  kept_days int := (SELECT days FROM retention);
  ended timestamptz := (SELECT until FROM months WHERE name = partition);
  bounds text := (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = to_regclass(partition));
  stays CONSTANT text := $stays$ (e.type IN ('dev.aegis.ledger.held.v1', 'dev.aegis.ledger.released.v1', 'dev.aegis.ledger.retired.v1') OR EXISTS (
    SELECT FROM holds h WHERE h.released_at IS NULL AND h.tenant = e.tenant AND (h.agent IS NULL OR h.agent = e.agent)
      AND (h.prompt IS NULL OR h.prompt = e.prompt) AND (h.from_at IS NULL OR e.occurred_at >= h.from_at)
      AND (h.to_at IS NULL OR e.occurred_at < h.to_at))) $stays$;
  gone bigint;
  held bigint;
BEGIN
  -- Without it row security would show no row, and all would be lost.
  IF current_setting('aegis.scope', true) IS DISTINCT FROM 'service' THEN
    RAISE EXCEPTION 'retire_month needs the scope of the service' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('audit months'));
  IF ended IS NULL OR ended > now() - make_interval(days => kept_days) THEN
    RAISE EXCEPTION '% is not beyond retention', partition USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- No hold may be placed between the look at holds and the end of this.
  LOCK TABLE holds IN SHARE MODE;
  EXECUTE format('SELECT count(*) FROM %I e WHERE %s', partition, stays) INTO held;
  EXECUTE format($query$
    WITH leaving AS (
      INSERT INTO retired_leaves SELECT e.tenant, e.sequence, e.leaf_hash, e.producer, e.epoch, e.producer_sequence FROM %I e
      WHERE NOT %s RETURNING tenant, sequence
    ), told AS (
      INSERT INTO own_events
      SELECT id, tenant, 'aegis.ledger.' || tenant || '.retired', convert_to(jsonb_build_object(
        'specversion', '1.0', 'id', id, 'source', 'aegis/audit/retention', 'type', 'dev.aegis.ledger.retired.v1',
        'time', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'datacontenttype', 'application/json', 'tenant', tenant,
        'data', jsonb_build_object('partition', %L, 'retentionDays', %s, 'first', first, 'last', last, 'entries', entries))::text, 'UTF8')
      FROM (SELECT gen_random_uuid() AS id, tenant, min(sequence) AS first, max(sequence) AS last, count(*) AS entries FROM leaving GROUP BY tenant) t
    ) SELECT count(*) FROM leaving$query$, partition, stays, partition, kept_days) INTO gone;
  IF gone = 0 AND held > 0 THEN RETURN 0; END IF;
  IF held > 0 THEN
    EXECUTE format('CREATE TABLE entries_kept (LIKE %I INCLUDING ALL)', partition);
    EXECUTE format('INSERT INTO entries_kept SELECT e.* FROM %I e WHERE %s', partition, stays);
  END IF;
  EXECUTE format('ALTER TABLE entries DETACH PARTITION %I', partition);
  EXECUTE format('DROP TABLE %I', partition);
  IF held > 0 THEN
    EXECUTE format('ALTER TABLE entries_kept RENAME TO %I', partition);
    EXECUTE format('ALTER TABLE entries ATTACH PARTITION %I %s', partition, bounds);
    PERFORM guard_partition(partition);
  END IF;
  RETURN gone;
END
$$;
REVOKE ALL ON FUNCTION add_month, retire_month FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_month, retire_month TO audit;

-- What there is becomes the first partition; a new ledger begins with its month's. What no month has goes to the last one.
DO $$
DECLARE
  ends timestamptz := (SELECT date_trunc('month', max(recorded_at)) + interval '1 month' FROM entries_first);
BEGIN
  IF ends IS NULL THEN
    DROP TABLE entries_first;
  ELSE
    DROP TRIGGER refuse_truncate ON entries_first;
    EXECUTE format('ALTER TABLE entries ATTACH PARTITION entries_first FOR VALUES FROM (MINVALUE) TO (%L)', ends);
    PERFORM guard_partition('entries_first');
  END IF;
  CREATE TABLE entries_other PARTITION OF entries DEFAULT;
  PERFORM guard_partition('entries_other');
  PERFORM add_month((date_trunc('month', now()) + make_interval(months => n))::date) FROM generate_series(0, 2) AS n;
END
$$;
