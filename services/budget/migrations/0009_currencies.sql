-- Money of other currencies than US dollars: accounts and limits in millionths of their units, and what was spent of them beside its worth in
-- US dollars. Null: in US dollars.
ALTER TABLE accounts DROP CONSTRAINT accounts_unit_check,
  ADD CONSTRAINT accounts_unit_check CHECK (unit ~ '^(tokens|actions|micro_[a-z]{3})$');
ALTER TABLE limits DROP CONSTRAINT limits_unit_check,
  ADD CONSTRAINT limits_unit_check CHECK (unit ~ '^(tokens|actions|micro_[a-z]{3})$');
ALTER TABLE decisions ADD COLUMN currency text, ADD COLUMN micro bigint,
  ADD COLUMN actual_currency text, ADD COLUMN actual_micro bigint;
ALTER TABLE usages ADD COLUMN currency text, ADD COLUMN micro bigint;
