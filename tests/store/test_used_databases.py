"""The tests' own databases: one that was used is like a new one for the next test."""

import psycopg
import pytest

from tests.postgres import new_database

ADD = """
INSERT INTO ops.audit_log (target, seq, at, actor, action) VALUES ('x', 1, now(), 'y', 'z') RETURNING id
"""
COUNTS = "SELECT (SELECT count(*) FROM ops.audit_log), (SELECT count(*) FROM ops.schema_version)"


def used(server, *statements):
    """Run statements on a database of its own; return the name and what the last one gave."""
    with new_database(server) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        results = [connection.execute(statement) for statement in statements]
        return connection.info.dbname, results[-1].fetchone() if results[-1].description else None


def test_next_one_begins_with_nothing(postgres_server):
    """No row is left but those that migrations made, and ids begin again."""
    first, row = used(postgres_server, "DELETE FROM ops.schema_version", ADD)

    second, counts = used(postgres_server, COUNTS)
    third, again = used(postgres_server, ADD)

    assert (first, counts) == (second, (0, 1))
    assert (third, again) == (first, row)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE ops.audit_log ADD COLUMN more int",
        "ALTER TABLE ops.inbox DISABLE TRIGGER ALL",
        "GRANT SELECT ON ops.inbox TO PUBLIC",
        "DROP INDEX ops.inbox_run_idx",
    ],
)
def test_altered_one_is_thrown_away(postgres_server, change):
    """What a test has altered is nobody else's."""
    first, _ = used(postgres_server, change)

    assert first != used(postgres_server, COUNTS)[0]
