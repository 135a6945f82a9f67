-- name: make_read_only(milliseconds)
-- Let this session change nothing, and no statement of it last longer.
SELECT set_config('default_transaction_read_only', 'on', false), set_config('statement_timeout', :milliseconds, false);

-- name: read_session()^
-- Read which database answers, and as whom we are there.
SELECT current_database() AS database, pg_postmaster_start_time() AS started_at, pg_is_in_recovery() AS is_standby,
  rolname AS role, rolsuper AS is_superuser
FROM pg_roles WHERE rolname = current_user;

-- name: has_versions()$
-- Tell whether migrations were ever applied.
SELECT to_regclass('ops.schema_version') IS NOT NULL;

-- name: read_version()$
-- Read which migration was applied last.
SELECT version_num FROM ops.schema_version;

-- name: read_missing_rights()
-- Read what our role may not do: all with our own tables, all but delete with the platform's.
SELECT nspname || '.' || relname AS place, wanted.privilege
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS wanted (privilege)
WHERE NOT has_table_privilege(pg_class.oid, wanted.privilege) AND relkind IN ('r', 'p') AND (
  nspname = 'ops'
  OR (nspname = 'public' AND relname IN ('users', 'memberships') AND wanted.privilege <> 'DELETE')
)
UNION ALL
SELECT nspname, 'USAGE' FROM pg_namespace
WHERE nspname IN ('ops', 'public') AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')
ORDER BY 1, 2;

-- name: read_platform_columns()
-- Read the columns that the platform's tables have.
SELECT relname AS table_name, attname AS column_name, format_type(atttypid, NULL) AS type
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relname IN ('users', 'memberships') AND attnum > 0 AND NOT attisdropped;

-- name: read_platform_keys()
-- Read the platform's unique keys: the table, and the columns as the index has them.
SELECT relname AS table_name, substring(pg_get_indexdef(indexrelid) FROM '\((.*?)\)( WHERE|$)') AS columns
FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND relname IN ('users', 'memberships') AND indisunique;

-- name: read_backend()$
-- Read which of Postgres' processes serves us: behind a pooler that shares them it may change from statement to statement.
SELECT pg_backend_pid();
