"""The databases and roles inside the embedded Postgres, and waiting for a database to answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from include.errors import CommandError
from include.store.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.lab.stack.stack import Stack


def wait_until_it_answers(dsn: str, *, seconds: float, gave_up: Callable[[], bool]) -> None:
    """Return as soon as `dsn` takes connections; raise CommandError after `seconds` or when it `gave_up`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or gave_up():
                raise CommandError(f"Postgres does not start: {reason_of(error)}") from error
            time.sleep(0.05)
        else:
            return


def check(dsn: str, setting: str) -> None:
    """Raise CommandError where the database that `setting` names cannot be used."""
    try:
        psycopg.connect(dsn, connect_timeout=10).close()
    except psycopg.Error as error:
        raise CommandError(
            f"the database of {setting} cannot be used: {reason_of(error)}"
        ) from error


def create(stack: Stack) -> None:
    """Make a role and a database of its own for ops and for Airflow, where they are not there yet."""
    with psycopg.connect(stack.postgres_url, autocommit=True) as connection:
        for name, password in (
            ("ops", stack.ops_database_password),
            ("airflow", stack.airflow_database_password),
        ):
            _create_role(connection, name, password)
            _create_database(connection, name)


def _create_role(connection: psycopg.Connection, name: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    verb = "ALTER" if known else "CREATE"
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(sql.SQL(verb), sql.Identifier(name), sql.Literal(password)))


def _create_database(connection: psycopg.Connection, name: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
    if not known:
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
