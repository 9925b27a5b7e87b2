-- Which decision minted an id: requests for access name the decision.
ALTER TABLE aliases ADD COLUMN decision_id uuid;
CREATE INDEX aliases_decision ON aliases (tenant, decision_id);

-- A request that was sent with a key is known when it is sent again.
CREATE TABLE access_requests (
  tenant text NOT NULL,
  agent text NOT NULL,
  idempotency_key text NOT NULL,
  submission_digest text NOT NULL,
  approval_id uuid NOT NULL REFERENCES approvals (id),
  forget_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, agent, idempotency_key)
);
CREATE INDEX access_requests_forget ON access_requests (tenant, forget_at);

ALTER TABLE access_requests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON access_requests USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
GRANT SELECT, INSERT, DELETE ON access_requests TO approvals;
