-- Circuit breakers of agents and prompts. `book` is what the breaker knows, as the service writes it.
CREATE TABLE breakers (
  tenant text NOT NULL,
  -- agent/<a> or prompt/<p>
  scope text NOT NULL,
  state text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
  book jsonb NOT NULL,
  -- Grows with each change of state; `told` is the version that authz were told.
  version bigint NOT NULL DEFAULT 0,
  told bigint NOT NULL DEFAULT 0,
  touched_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, scope)
);
CREATE INDEX breakers_untold ON breakers (tenant, scope) WHERE told < version;
CREATE INDEX breakers_idle ON breakers (touched_at) WHERE state = 'closed';
ALTER TABLE breakers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON breakers USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY of_service ON breakers FOR SELECT TO budget USING (current_setting('aegis.scope', true) = 'service');
GRANT SELECT, INSERT, UPDATE, DELETE ON breakers TO budget;
