-- name: limit_statements(milliseconds)
-- Let every later statement of this session end within a time (not as a startup option: poolers refuse those).
SELECT set_config('statement_timeout', :milliseconds, false);
