"""Migrations: again, at once, and never backwards."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from include.membership.members import ExternalId
from include.store import Store
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


def test_tables_of_a_newer_version_are_left_alone(postgres_server, empty_database):
    """The way back: the version before starts again, on the tables that the newer one has made."""
    migrate(empty_database)
    newer = "ALTER TABLE ops.inbox ADD COLUMN of_the_next_version text"
    postgres_server.execute(newer, database="ops_empty_test")
    later = "UPDATE ops.schema_version SET version_num = '9999'"
    postgres_server.execute(later, database="ops_empty_test")

    migrate(empty_database)

    found = "SELECT version_num FROM ops.schema_version"
    assert postgres_server.execute(found, database="ops_empty_test") == [("9999",)]


IN_FLIGHT = """
INSERT INTO ops.inbox (provider, mode, event_id, type, received_at, headers, body, body_sha256,
                       job, state, due_at, dag_run_id)
SELECT 'stripe', 'live', event_id, 'invoice.paid', now(), '{}', '{}', '', 'mailchimp_sync', state, now(), dag_run_id
FROM (VALUES ('evt_1', 'waiting', NULL), ('evt_2', 'dispatched', 'run_1')) AS rows (event_id, state, dag_run_id);
INSERT INTO ops.dispatches (dag_run_id, job, rows, state, claimed_at, started_at)
VALUES ('run_1', 'mailchimp_sync', 1, 'started', now(), now());
"""
BEFORE = "0014"
"""The tables of commit 5bbb611, the last one before the first release."""


def test_rows_in_flight_come_through(postgres_server, empty_database):
    """An event that waits and one that a run has are there after the upgrade, as the new code reads them."""
    migrate(empty_database, revision=BEFORE)
    postgres_server.execute(IN_FLIGHT, database="ops_empty_test")

    migrate(empty_database)

    with closing(Store.connect(empty_database)) as store:
        assert store.inbox.waiting().count == 1
        assert [row.event_id for row in store.inbox.of_run("run_1")] == ["evt_2"]
        assert [run.dag_run_id for run in store.dispatches.in_flight()] == ["run_1"]


GONE = """
INSERT INTO public.users (id, email, clerk_user_id, deleted_at)
VALUES ('0198c0de-0000-7000-8000-000000000001', 'Ada@Example.org', 'user_ada', now());
INSERT INTO public.memberships (user_id, stripe_subscription_id, status)
VALUES ('0198c0de-0000-7000-8000-000000000001', 'sub_ada', 'active');
INSERT INTO ops.objects (provider, mode, object_id, member_id, as_of, event_id, is_final, provides)
VALUES ('stripe', 'live', 'sub_ada', '0198c0de-0000-7000-8000-000000000001', now(), 'evt_1', false, '{}');
"""


def test_who_is_gone_already_is_found_by_her_address(postgres_server, empty_database):
    """Deleted before the upgrade, charged by Stripe ever since, back with a new account: it is she."""
    create_platform_tables(empty_database)
    migrate(empty_database, revision="0025")
    postgres_server.execute(GONE, database="ops_empty_test")

    migrate(empty_database)

    with closing(Store.connect(empty_database)) as store:
        [found] = store.members.find([ExternalId("email", "ada@example.org")])
        assert str(found).endswith("0001")
        postgres_server.execute("UPDATE ops.objects SET is_final = true", database="ops_empty_test")
        assert store.members.find([ExternalId("email", "ada@example.org")]) == set()
