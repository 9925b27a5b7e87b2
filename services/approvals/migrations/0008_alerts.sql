-- What people are told besides approvals, a row for each recipient.
CREATE TABLE alerts (
  -- The idempotency key: it follows from the event, channel and recipient.
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  channel text NOT NULL,
  recipient text NOT NULL,
  -- {scope, cause, at, until}: an agent or a prompt that a circuit breaker paused.
  alert json NOT NULL,
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sent', 'dropped')),
  -- When it is tried next; while somebody tries it, when another may.
  next_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  created_at timestamptz NOT NULL,
  settled_at timestamptz
);
CREATE INDEX alerts_due ON alerts (next_at) WHERE state = 'due';
ALTER TABLE alerts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON alerts USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_service ON alerts FOR SELECT TO approvals USING (current_setting('aegis.scope', true) = 'service');
GRANT SELECT, INSERT ON alerts TO approvals;
GRANT UPDATE (state, next_at, attempts, last_error, settled_at) ON alerts TO approvals;
