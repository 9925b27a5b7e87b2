-- One number per rate on an account: when its next call is due, in microseconds since 1970.
CREATE TABLE rates (
  tenant text NOT NULL,
  scope text NOT NULL,
  calls bigint NOT NULL CHECK (calls > 0),
  seconds bigint NOT NULL CHECK (seconds > 0),
  due bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, scope, calls, seconds)
);
ALTER TABLE rates ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON rates USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
GRANT SELECT, INSERT, UPDATE ON rates TO budget;

-- From how many units on people are told; null: the usual share of the limit.
ALTER TABLE accounts ADD COLUMN notify_units bigint CHECK (notify_units >= 0);
-- Past a throttling threshold: when the next grant fits the pace.
ALTER TABLE accounts ADD COLUMN paced_until timestamptz;
