-- Which person a platform's user is; an admin vouches for it.
CREATE TABLE members (
  tenant text NOT NULL,
  channel text NOT NULL,
  -- The platform's own id of its user.
  member text NOT NULL,
  person text NOT NULL,
  registered_by text NOT NULL,
  registered_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, channel, member)
);
ALTER TABLE members ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON members USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON members TO approvals;

-- Signed requests that were taken, so that none is taken twice by any replica. Only a hash: it belongs to nobody.
CREATE TABLE signatures_seen (
  hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  seen_at timestamptz NOT NULL
);
CREATE INDEX signatures_seen_at ON signatures_seen (seen_at);
GRANT SELECT, INSERT, DELETE ON signatures_seen TO approvals;
