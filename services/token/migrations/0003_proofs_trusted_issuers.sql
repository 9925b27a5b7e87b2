-- DPoP proofs already used (RFC 9449 §11.1), by the hash of their key and jti, among all tenants: the key may be one agent's in two.
CREATE TABLE proofs (
  id text PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX proofs_expired ON proofs (expires_at);

-- Issuers outside, of whose tokens a tenant's agents may make use: people's identity providers, and platforms that vouch for workloads.
CREATE TABLE trusted_issuers (
  tenant text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('user', 'workload')),
  issuer text NOT NULL,
  -- What the tokens' `sub` is prefixed with, so that two issuers never name one person.
  prefix text NOT NULL,
  -- {audience, algorithms, jwksUri | jwks, rules}.
  trust jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (tenant, name),
  UNIQUE (tenant, issuer)
);
CREATE UNIQUE INDEX trusted_issuers_prefix ON trusted_issuers (tenant, prefix) WHERE kind = 'user';

ALTER TABLE trusted_issuers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON trusted_issuers USING (tenant = nullif(current_setting('aegis.tenant', true), ''));

GRANT SELECT, INSERT, DELETE ON proofs TO token;
GRANT SELECT, INSERT, DELETE ON trusted_issuers TO token;
