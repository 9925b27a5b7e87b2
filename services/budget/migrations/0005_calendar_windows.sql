ALTER TABLE accounts DROP CONSTRAINT accounts_window_kind_check,
  ADD CONSTRAINT accounts_window_kind_check CHECK (window_kind IN ('hour', 'day', 'week', 'month', 'prompt', 'session'));
ALTER TABLE limits DROP CONSTRAINT limits_window_kind_check,
  ADD CONSTRAINT limits_window_kind_check CHECK (window_kind IN ('hour', 'day', 'week', 'month', 'prompt', 'session'));
