-- Agreed to and done are two moments: what a process that ended in between left undone is done by another one.
ALTER TABLE proposals ADD COLUMN done_at timestamptz;
ALTER TABLE proposals NO FORCE ROW LEVEL SECURITY;
UPDATE proposals SET done_at = approved_at WHERE approver IS NOT NULL;
ALTER TABLE proposals FORCE ROW LEVEL SECURITY;
CREATE INDEX proposals_undone ON proposals (approved_at) WHERE approver IS NOT NULL AND done_at IS NULL;

CREATE POLICY undone ON proposals FOR SELECT TO token
  USING (current_setting('aegis.scope', true) = 'service' AND approver IS NOT NULL AND done_at IS NULL);
GRANT UPDATE (done_at) ON proposals TO token;
