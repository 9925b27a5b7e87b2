-- What shows the accounts nearest to their limits looks at all tenants'.
CREATE POLICY of_service ON accounts FOR SELECT TO budget USING (current_setting('aegis.scope', true) = 'service');
