-- Which instance of the agent spent the override, so that a second use names both callers.
ALTER TABLE approvals ADD COLUMN redeemed_instance text;
GRANT UPDATE (redeemed_instance) ON approvals TO approvals;
