"""What a production's first container does to empty databases, with a real Postgres and all of Airflow."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kept_environment import kept

ROOT = Path(__file__).parents[2]
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
USERS = """
SELECT username, ab_role.name FROM ab_user
JOIN ab_user_role ON ab_user_role.user_id = ab_user.id
JOIN ab_role ON ab_role.id = ab_user_role.role_id ORDER BY username
"""


class Production:
    """Two empty databases, and the command as the container `prepare` runs it."""

    def __init__(self, server, home):
        self.server = server
        self.home = home
        for name in ("production_ops_test", "production_airflow_test"):
            server.execute(f"DROP DATABASE IF EXISTS {name}")
            server.execute(f"CREATE DATABASE {name}")

    def run(self, *arguments, **settings):
        """Run it to its end, in an environment that has nothing else."""
        airflow = self.server.dsn("production_airflow_test")
        environment = {
            **kept("PATH"),
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__AUTH_MANAGER": FAB,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT": "7",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow.replace(
                "postgresql", "postgresql+psycopg2", 1
            ),
            "OPS_DATABASE_URL": self.server.dsn("production_ops_test"),
            **settings,
        }
        command = [sys.executable, "-m", "include.operate.prepare", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, cwd=self.home
        )

    def prepare(self, sandbox="http://sandbox:8026"):
        """Run it with all passwords."""
        return self.run(
            OPS_SANDBOX_URL=sandbox,
            OPS_AIRFLOW_PASSWORD="r" * 16,
            OPS_AIRFLOW_RECONCILER_PASSWORD="c" * 16,
            OPS_AIRFLOW_ADMIN_PASSWORD="a" * 16,
        )

    def airflow(self, statement):
        """Ask Airflow's database."""
        return self.server.execute(statement, database="production_airflow_test")

    def ops(self, statement):
        """Ask the platform's database."""
        return self.server.execute(statement, database="production_ops_test")


@pytest.fixture
def production(postgres_server, tmp_path):
    """Return a production before its first start."""
    return Production(postgres_server, tmp_path)


def test_policy_of_the_sandbox_does_not_start_a_real_production(production):
    """With its products nobody who pays would be a member: the upgrade stops before anything has changed."""
    answer = production.prepare(sandbox="")

    assert answer.returncode == 1
    assert "membership.yaml still names the sandbox's products" in answer.stderr
    assert production.ops("SELECT to_regclass('ops.inbox')") == [(None,)]


def test_a_missing_platform_is_one_line_and_changes_nothing(production):
    """A wrong address must not end as a production without members."""
    answer = production.prepare()

    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("there is no table public.users")
    assert production.ops("SELECT to_regclass('ops.inbox')") == [(None,)]


def test_a_missing_password_is_named(production):
    """Nobody gets a production whose users have no password."""
    answer = production.run(OPS_AIRFLOW_PASSWORD="r" * 16)

    assert answer.returncode == 1
    assert "airflow_admin_password" in answer.stderr
    assert "r" * 16 not in answer.stderr


@pytest.mark.timeout(240)
def test_empty_databases_become_a_production_and_a_second_start_changes_nothing(production):
    """All tables, three users with their roles; and every deployment runs it again."""
    assert production.run("--platform-tables").returncode == 0
    first = production.prepare()
    users = production.airflow(USERS)
    second = production.prepare()

    assert (first.returncode, second.returncode) == (0, 0), first.stderr[-2000:]
    assert users == [
        ("admin", "Admin"),
        ("reconciler", "Reconciler"),
        ("relay", "Relay"),
    ]
    assert production.airflow(USERS) == users
    assert production.ops("SELECT count(*) FROM ops.inbox") == [(0,)]


@pytest.mark.timeout(240)
def test_the_default_pool_gets_the_slots_that_the_configuration_says(production):
    """One host and several hosts run different numbers of tasks at once, and one may become the other."""
    production.run("--platform-tables")
    production.prepare()
    production.airflow("UPDATE slot_pool SET slots = 99")

    assert production.prepare().returncode == 0
    assert production.airflow("SELECT pool, slots FROM slot_pool") == [("default_pool", 7)]
