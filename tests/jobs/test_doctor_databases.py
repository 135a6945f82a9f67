"""What the doctor finds at the databases, and what it gives away of them: nothing."""

import psycopg
import pytest

from include.check_results import CheckStatus
from include.operate.doctor import databases
from include.store.migrate import versions
from include.store.rights import PLATFORM_COLUMNS, Rights
from tests.jobs.doctor_world import doctor_world, failures


@pytest.fixture
def doctor(world, monkeypatch):
    """Everything is well, and nothing that a test sets is left behind."""
    with doctor_world(world, monkeypatch) as prepared:
        yield prepared


def test_database_that_is_down_is_said_and_the_rest_looked_at(doctor):
    """No check waits for another."""
    doctor.connect("ops_postgres", port=9)
    doctor.set(OPS_DATABASE_URL="postgresql://ops:secret-of-ours@127.0.0.1:9/ops_test")

    found = doctor.group(databases)

    assert set(failures(found)) == {
        "ops database, for jobs",
        "ops database, for the relay",
        "one ops database for both",
    }
    assert found["Airflow's database"].status is CheckStatus.OK
    assert "secret-of-ours" not in repr(found)


@pytest.mark.parametrize(
    "slip",
    [
        "postgresql:/ops:pass/word@127.0.0.1/ops_test",
        "postgresql://ops:pass/word@127.0.0.1/ops_test",
        "postgresql://ops:pass@word@127.0.0.1/ops_test",
        "pass word dbname=ops_test",
    ],
)
def test_address_with_a_slip_gives_no_password_away(doctor, slip):
    """What libpq cannot read it quotes, and that may be any piece of the password."""
    doctor.set(OPS_DATABASE_URL=slip)

    found = doctor.group(databases)["ops database, for the relay"]

    assert found.status is CheckStatus.FAILED
    assert [piece for piece in ("pass", "word") if piece in found.reason] == []


def test_migrations_that_were_not_applied_are_counted(doctor):
    """Behind, ahead and none at all are told apart."""
    store = doctor.world.store.connection
    store.execute("UPDATE ops.schema_version SET version_num = %s", [versions()[2]])
    assert "2 behind" in failures(doctor.group(databases))["migrations"]

    store.execute("UPDATE ops.schema_version SET version_num = '9999'")
    assert "does not know" in failures(doctor.group(databases))["migrations"]

    store.execute("DROP TABLE ops.schema_version")
    assert failures(doctor.group(databases))["migrations"] == "none was ever applied"


def test_role_without_rights_is_a_failure(doctor, postgres_server):
    """Each right that is missing is named before a job meets it."""
    role = "reader_of_the_test"
    postgres_server.execute(f"CREATE ROLE {role} LOGIN")
    try:
        doctor.connect("ops_postgres", login=role)

        found = failures(doctor.group(databases))
    finally:
        postgres_server.execute(f"DROP ROLE {role}")

    assert "USAGE on ops" in found[f"rights of {role}, jobs"]
    assert (
        "DELETE, INSERT, SELECT, UPDATE on ops.alert_evaluation" in found[f"rights of {role}, jobs"]
    )


def test_platform_without_a_column_is_a_failure(doctor):
    """The contract is held against the tables that are there."""
    doctor.world.store.connection.execute("ALTER TABLE public.users DROP COLUMN is_visible")
    doctor.world.store.connection.execute(
        "ALTER TABLE public.memberships ALTER cancel_at TYPE text"
    )

    found = failures(doctor.group(databases))

    assert found["the platform's tables"] == (
        "users.is_visible is missing; memberships.cancel_at is text"
    )


def test_contract_is_that_of_the_platform_file(store):
    """What is looked for is what `platform.sql` makes, column by column."""
    rows = store.connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    ).fetchall()

    made = {}
    for row in rows:
        made.setdefault(row["table_name"], {})[row["column_name"]] = row["data_type"]
    assert made == PLATFORM_COLUMNS
    assert Rights(store.connection, timeout_seconds=5).platform_problems() == []


def test_another_database_of_the_relay_is_a_failure(doctor, postgres_server):
    """Events that are stored where no job looks are as good as lost."""
    doctor.set(OPS_DATABASE_URL=postgres_server.dsn("ops_template_test"))

    assert "one ops database for both" in failures(doctor.group(databases))


def test_postgres_refuses_what_a_check_would_change(store):
    """Not the code's good will but the session keeps anything from being changed."""
    Rights(store.connection, timeout_seconds=5)

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        store.connection.execute("DELETE FROM ops.inbox")
