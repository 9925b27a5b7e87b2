-- Where people are told that calls wait for them.
CREATE TABLE channels (
  tenant text NOT NULL,
  name text NOT NULL,
  -- Empty: every queue.
  queues text[] NOT NULL,
  -- Zero: at once; else only what still waits after so many seconds.
  after_seconds integer NOT NULL CHECK (after_seconds >= 0),
  -- Names secrets, and holds none.
  target json NOT NULL,
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, name)
);

-- What each recipient is told, made in the transaction that gives the reason to.
CREATE TABLE deliveries (
  -- The idempotency key: it follows from approval, channel, recipient and what is told.
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  approval_id uuid NOT NULL REFERENCES approvals (id),
  channel text NOT NULL,
  recipient text NOT NULL,
  notice text NOT NULL CHECK (notice IN ('requested', 'escalated', 'decided')),
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sent', 'dropped')),
  -- The state it tells; empty for what asks.
  about text NOT NULL DEFAULT '',
  -- When it is tried next; while somebody tries it, when another may.
  next_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  -- Opaque, for what comes back from the channel.
  nonce text NOT NULL UNIQUE,
  -- Where the channel put the message.
  reference text,
  last_error text,
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  UNIQUE (approval_id, channel, recipient, notice, about)
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'due';

ALTER TABLE channels ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON channels USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON deliveries USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_service ON channels FOR SELECT TO approvals USING (current_setting('aegis.scope', true) = 'service');
CREATE POLICY of_service ON deliveries FOR SELECT TO approvals USING (current_setting('aegis.scope', true) = 'service');

GRANT SELECT, INSERT, UPDATE, DELETE ON channels TO approvals;
GRANT SELECT, INSERT ON deliveries TO approvals;
GRANT UPDATE (state, next_at, attempts, reference, last_error, settled_at) ON deliveries TO approvals;
