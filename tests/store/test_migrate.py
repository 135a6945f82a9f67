"""Migrations: again, at once, and never backwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.store.migrate import create_platform_tables, migrate

TABLES = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'ops'"


@pytest.fixture
def empty_database(postgres_server):
    postgres_server.execute("CREATE DATABASE ops_empty_test TEMPLATE template0")
    yield postgres_server.dsn("ops_empty_test")
    postgres_server.execute("DROP DATABASE ops_empty_test WITH (FORCE)")


def test_migrating_twice_changes_nothing(postgres_server, empty_database):
    """A start of the stack migrates each time; the second finds nothing to do."""
    migrate(empty_database)
    before = postgres_server.execute(TABLES, database="ops_empty_test")

    migrate(empty_database)

    assert before[0][0] >= 10
    assert postgres_server.execute(TABLES, database="ops_empty_test") == before


def test_several_processes_may_migrate_at_once(postgres_server, empty_database):
    """Two hosts start at the same second: one works, the others wait for it."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [empty_database] * 4))
        list(pool.map(create_platform_tables, [empty_database] * 4))

    versions = postgres_server.execute(
        "SELECT version_num FROM ops.schema_version", database="ops_empty_test"
    )
    assert len(versions) == 1
