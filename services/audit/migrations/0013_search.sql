-- What entries are searched by. All of it follows from leaves of format aegis.leaf.v2; it stays null where the leaf is older, so
-- that no row has to change.
ALTER TABLE entries
  ADD COLUMN session text,
  ADD COLUMN prompt text,
  ADD COLUMN action_digest text,
  -- Codes, each between spaces.
  ADD COLUMN reasons text,
  ADD COLUMN about text;

CREATE INDEX entries_session ON entries (tenant, session, sequence) WHERE session IS NOT NULL;
CREATE INDEX entries_prompt ON entries (tenant, prompt, sequence) WHERE prompt IS NOT NULL;
CREATE INDEX entries_about ON entries (tenant, about, sequence) WHERE about IS NOT NULL;
-- Few entries have reasons: those that have are walked.
CREATE INDEX entries_reasons ON entries (tenant, sequence) INCLUDE (reasons) WHERE reasons IS NOT NULL;
-- A window of time becomes a range of sequences without a look at the rows.
CREATE INDEX entries_occurred ON entries (tenant, occurred_at, sequence);
-- Digests are random: a B-tree of them would slow every insert once it outgrows memory. A filter over blocks of rows does not.
CREATE INDEX entries_digest ON entries USING brin (action_digest text_bloom_ops) WITH (pages_per_range = 32, autosummarize = on);
