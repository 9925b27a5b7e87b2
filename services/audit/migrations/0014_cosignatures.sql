-- What witnesses signed: that they saw a checkpoint, and that it continues what they saw before.
CREATE TABLE cosignatures (
  tenant text NOT NULL,
  size bigint NOT NULL,
  -- The witness' key name; line is its signature line (C2SP tlog-cosignature).
  witness text NOT NULL,
  line text NOT NULL,
  PRIMARY KEY (tenant, size, witness)
);
CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON cosignatures FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON cosignatures FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON cosignatures TO audit;
ALTER TABLE cosignatures ENABLE ROW LEVEL SECURITY;
ALTER TABLE cosignatures FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON cosignatures USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY service ON cosignatures TO audit USING (current_setting('aegis.scope', true) = 'service');
GRANT SELECT ON cosignatures TO aegis_reader;
