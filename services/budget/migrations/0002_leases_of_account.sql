-- Who holds units of an account is asked whenever nothing is left of it.
CREATE INDEX leases_of_account ON leases (tenant, scope, unit, window_kind, window_start) WHERE closed_at IS NULL;
