-- name: limit_statements(milliseconds)
-- Let every later statement of this session end within a time (not as a startup option: poolers refuse those).
SELECT set_config('statement_timeout', :milliseconds, false);

-- name: limit_idle_transactions(milliseconds)
-- End this session, and with it its locks, when a transaction of it has had nothing to do for so long.
SELECT set_config('idle_in_transaction_session_timeout', :milliseconds, false);
