-- The ledger: one append-only sequence per tenant. Every column but leaf and payload follows from leaf, which is what is hashed.
CREATE TABLE entries (
  tenant text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence >= 0),
  id text NOT NULL,
  kind text NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  agent text,
  tool text,
  action text,
  decision text,
  policy_version text,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  producer text,
  epoch text,
  producer_sequence bigint,
  previous_hash bytea NOT NULL,
  leaf_hash bytea NOT NULL,
  leaf bytea NOT NULL,
  -- The event as it was received, when it was too large for a leaf; the leaf names its digest.
  payload bytea,
  PRIMARY KEY (tenant, sequence),
  UNIQUE (tenant, id)
);
-- One event in each place of a producer's sequence; what is quarantined claims a place without taking it. It also answers how far
-- a producer's entries reach without touching them.
CREATE UNIQUE INDEX entries_producer ON entries
  (producer, epoch, producer_sequence, (CASE WHEN kind = 'quarantine' THEN id ELSE '' END)) INCLUDE (tenant, sequence)
  WHERE producer_sequence IS NOT NULL;
CREATE INDEX entries_agent ON entries (tenant, agent, sequence);

-- Where each tenant's ledger ends. Locked by whoever appends.
CREATE TABLE heads (
  tenant text PRIMARY KEY,
  size bigint NOT NULL DEFAULT 0,
  frontier bytea NOT NULL DEFAULT '',
  last_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

-- Roots of complete subtrees of 256^level leaves, so that tiles and proofs need not read all leaves.
CREATE TABLE nodes (
  tenant text NOT NULL,
  level int NOT NULL CHECK (level > 0),
  index bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (tenant, level, index)
);

CREATE TABLE checkpoints (
  tenant text NOT NULL,
  size bigint NOT NULL,
  root bytea NOT NULL,
  note text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, size)
);

-- How far each epoch of a producer is ledgered (highest) and ledgered, complete and checkpointed (watermark).
CREATE TABLE producers (
  producer text NOT NULL,
  epoch text NOT NULL,
  highest bigint NOT NULL,
  watermark bigint NOT NULL DEFAULT 0,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (producer, epoch)
);
CREATE INDEX producers_seen ON producers (seen_at);

CREATE TABLE outbox (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  subject text NOT NULL,
  event bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- What is written stays. This stops accidents; whoever may disable a trigger is caught by the proofs.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: it is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['entries', 'nodes', 'checkpoints'] LOOP
    EXECUTE format('CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO audit', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['entries', 'nodes', 'checkpoints', 'heads'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant = nullif(current_setting(''aegis.tenant'', true), ''''))', name);
    EXECUTE format('CREATE POLICY service ON %I TO audit USING (current_setting(''aegis.scope'', true) = ''service'')', name);
    EXECUTE format('GRANT SELECT ON %I TO aegis_reader', name);
  END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON heads, producers TO audit;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO audit;
