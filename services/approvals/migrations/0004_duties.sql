-- Who wrote the policies that were in force: nobody says yes to what they themselves made need a yes.
CREATE TABLE policy_authors (
  tenant text NOT NULL,
  version text NOT NULL,
  author text NOT NULL,
  PRIMARY KEY (tenant, version, author)
);
ALTER TABLE approvals ADD COLUMN policy_version text;

-- What happened to an approval beside the votes.
CREATE TABLE history (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  approval_id uuid NOT NULL REFERENCES approvals (id),
  tenant text NOT NULL,
  at timestamptz NOT NULL,
  what text NOT NULL,
  who text[] NOT NULL,
  comment text NOT NULL DEFAULT ''
);
CREATE INDEX history_approval ON history (approval_id);

ALTER TABLE policy_authors ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON policy_authors USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_tenant ON history USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
GRANT SELECT, INSERT ON policy_authors, history TO approvals;
