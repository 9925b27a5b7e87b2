-- What producers signed of their own numbering, as it came. Verifiers check rows by it, those of no checkpoint too.
CREATE TABLE statements (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  producer text NOT NULL,
  epoch text NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  digest bytea NOT NULL,
  message text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (producer, epoch, first, last, digest)
);
CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON statements FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON statements FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON statements TO audit;
