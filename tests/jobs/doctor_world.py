"""What `./ops doctor` looks at, for its tests: a worker's and a relay's environment, all of it well to begin with."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from contextlib import contextmanager
from pathlib import Path

import orjson
import psycopg
from airflow.models.errors import ParseImportError
from airflow.models.pool import Pool
from airflow.models.team import Team
from airflow.providers.fab.auth_manager.models import Model
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from include.airflow_api.roles import GIVEN_TO_ALL, reconciler_permissions, relay_permissions
from include.check_results import CheckStatus
from include.operate.doctor.checks import examine
from include.operate.doctor.run import look, read_context
from tests.airflow_stand_in import running_airflow
from tests.contract.conftest import CLERK_SECRET, STRIPE_SECRET
from tests.dags.conftest import connections

ROOT = Path(__file__).parents[2]
PASSWORD = "a password of the test's"
JWT_SECRET = "a secret of the test's, long enough"
FERNET_KEY = urlsafe_b64encode(b"f" * 32).decode()
TABLES = (
    "ab_user",
    "ab_group",
    "ab_role",
    "ab_user_role",
    "ab_user_group",
    "ab_group_role",
    "ab_permission",
    "ab_view_menu",
    "ab_permission_view",
    "ab_permission_view_role",
)
NAMED = (
    "INSERT INTO {0} (id, name) SELECT (SELECT count(*) FROM {0}), %s"
    " WHERE NOT EXISTS (SELECT FROM {0} WHERE name = %s)"
)
CONTENT = (
    "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS content FROM {} AS t"
)


class DoctorWorld:
    """The environment, and the way to look at all of it or at one group."""

    def __init__(self, world, airflow, monkeypatch):
        """Set what a worker and a relay are given."""
        self.world, self.airflow, self.environment = world, airflow, monkeypatch
        self.clock = world.clock
        airflow.password = PASSWORD
        for file in (ROOT / "dags").glob("*.py"):
            airflow.dags[file.stem] = {"is_paused": False, "has_import_errors": False}
        documents = {name: orjson.loads(text) for name, text in connections(world).items()}
        login = {"login": "reconciler", "password": PASSWORD}
        documents["airflow"] = {"conn_type": "http", "host": airflow.url, **login}
        documents["airflow_postgres"] = documents["ops_postgres"]
        self.documents = documents
        for name in documents:
            self.connect(name)
        self.set(
            OPS_DATABASE_URL=world.dsn,
            OPS_STRIPE_WEBHOOK_SECRETS=STRIPE_SECRET,
            OPS_CLERK_WEBHOOK_SECRETS=CLERK_SECRET,
            OPS_AIRFLOW_URL=airflow.url,
            OPS_AIRFLOW_PASSWORD=PASSWORD,
            AIRFLOW__CORE__FERNET_KEY=FERNET_KEY,
            AIRFLOW__API_AUTH__JWT_SECRET=JWT_SECRET,
        )

    # --- what is set ---

    def set(self, **variables):
        """Set variables of the environment; None takes one away."""
        for name, value in variables.items():
            if value is None:
                self.environment.delenv(name)
            else:
                self.environment.setenv(name, value)

    def connect(self, name, **changes):
        """Set a connection, with these parts of it changed."""
        document = {**self.documents[name], **changes}
        self.set(**{f"AIRFLOW_CONN_{name.upper()}": orjson.dumps(document).decode()})

    # --- Airflow's own tables, as its models make them ---

    def make_airflow_tables(self):
        """Have the users with their roles, and a pool."""
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self.world.dsn),
            poolclass=NullPool,
        )
        tables = [Model.metadata.tables[name] for name in TABLES]
        Model.metadata.create_all(engine, tables=tables)
        for model in (Team, Pool, ParseImportError):
            model.__table__.create(engine)
        self._execute(
            "INSERT INTO slot_pool (pool, slots, include_deferred) VALUES ('default_pool', 4, false)"
        )
        for user, wanted in (
            ("relay", relay_permissions()),
            ("reconciler", reconciler_permissions()),
        ):
            self._execute(
                "INSERT INTO ab_user (id, username, first_name, last_name, email) VALUES"
                " ((SELECT count(*) FROM ab_user), %s, '', '', %s)",
                user,
                f"{user}@ops.invalid",
            )
            self._execute(
                "INSERT INTO ab_role (id, name) SELECT id, username FROM ab_user WHERE username = %s",
                user,
            )
            self._execute(
                "INSERT INTO ab_user_role (id, user_id, role_id) SELECT id, id, id FROM ab_user WHERE username = %s",
                user,
            )
            for action, resource in wanted | GIVEN_TO_ALL:
                self.grant(user, action, resource)

    def grant(self, user, action, resource):
        """Let a user's role do something more."""
        names = {"user": user, "action": action, "resource": resource}
        for table, column in (("ab_permission", "action"), ("ab_view_menu", "resource")):
            self._execute(
                NAMED.format(table),
                names[column],
                names[column],
            )
        self._execute(
            "INSERT INTO ab_permission_view (id, permission_id, view_menu_id)"
            " SELECT (SELECT count(*) FROM ab_permission_view), p.id, v.id FROM ab_permission p, ab_view_menu v"
            " WHERE p.name = %(action)s AND v.name = %(resource)s AND NOT EXISTS ("
            "   SELECT FROM ab_permission_view x WHERE x.permission_id = p.id AND x.view_menu_id = v.id)",
            **names,
        )
        self._execute(
            "INSERT INTO ab_permission_view_role (id, permission_view_id, role_id)"
            " SELECT (SELECT count(*) FROM ab_permission_view_role), x.id, r.id"
            " FROM ab_permission_view x JOIN ab_permission p ON p.id = permission_id"
            " JOIN ab_view_menu v ON v.id = view_menu_id, ab_role r"
            " WHERE p.name = %(action)s AND v.name = %(resource)s AND r.name = %(user)s",
            **names,
        )

    def revoke(self, user, resource):
        """Take all that a user's role may do with something."""
        self._execute(
            "DELETE FROM ab_permission_view_role USING ab_permission_view x, ab_view_menu v, ab_role r"
            " WHERE x.id = permission_view_id AND v.id = x.view_menu_id AND r.id = role_id"
            " AND v.name = %s AND r.name = %s",
            resource,
            user,
        )

    def _execute(self, statement, *values, **named):
        self.world.store.connection.execute(statement, values or named or None)

    # --- what is found ---

    def all(self, *, seconds=15.0):
        """Look at everything."""
        return dict_of(look(clock=self.clock, has_stand_ins=True, seconds=seconds))

    def group(self, module, *, seconds=15.0, has_stand_ins=True):
        """Look at one group of checks."""
        context, _ = read_context(clock=self.clock, has_stand_ins=has_stand_ins)
        return dict_of(examine(module.checks(context), seconds=seconds))

    def content(self):
        """Return what stands for the content of every table: equal only where nothing has changed."""
        with psycopg.connect(self.world.dsn) as connection:
            names = connection.execute(
                "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('ops', 'public')"
            ).fetchall()
            return {name: connection.execute(CONTENT.format(name)).fetchone() for (name,) in names}


def dict_of(found):
    """Return the findings by the name of their check; none may hide another."""
    by_name = {f"{group}: {finding.check}": finding for group, finding in found}
    assert len(by_name) == len(found)
    return {name.partition(": ")[2]: finding for name, finding in by_name.items()}


@contextmanager
def doctor_world(world, monkeypatch):
    """Give it while the block runs."""
    with running_airflow() as airflow:
        yield DoctorWorld(world, airflow, monkeypatch)


def failures(found):
    """Return what has failed: check and reason."""
    return {name: one.reason for name, one in found.items() if one.status is CheckStatus.FAILED}
