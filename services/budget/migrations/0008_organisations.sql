-- A call of a tenant may be charged to its organisation's accounts, too: they are rows of the tenant of that name. `aegis.organisations`
-- lists the organisations whose accounts a transaction may touch besides its tenant's own.
ALTER POLICY of_tenant ON accounts USING (tenant = nullif(current_setting('aegis.tenant', true), '')
  OR (scope = 'org' AND tenant = ANY (string_to_array(current_setting('aegis.organisations', true), ','))));
ALTER POLICY of_tenant ON leases USING (tenant = nullif(current_setting('aegis.tenant', true), '')
  OR (scope = 'org' AND tenant = ANY (string_to_array(current_setting('aegis.organisations', true), ','))));
ALTER POLICY of_tenant ON reservations USING (tenant = nullif(current_setting('aegis.tenant', true), '')
  OR (scope = 'org' AND tenant = ANY (string_to_array(current_setting('aegis.organisations', true), ','))));
-- Limits that the organisation's people set are read for it, and changed by nobody else.
CREATE POLICY of_member ON limits FOR SELECT
  USING (scope = 'org' AND tenant = ANY (string_to_array(current_setting('aegis.organisations', true), ',')));
