-- Through whom a call was made, the acting agent first: who spawned whom, in a prompt. Null: a decision heard before this was kept.
ALTER TABLE decisions ADD COLUMN chain text[];
CREATE INDEX decisions_by_prompt ON decisions (tenant, prompt_id) WHERE prompt_id <> '';
CREATE INDEX usages_by_prompt ON usages (tenant, prompt_id) WHERE prompt_id <> '';
