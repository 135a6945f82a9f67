"""The databases and roles inside the embedded Postgres, and waiting for a database to answer."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from include.stack.errors import StackError
from include.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.stack.stack import Stack


def wait_until_it_answers(dsn: str, *, seconds: float, gave_up: Callable[[], bool]) -> None:
    """Return as soon as `dsn` takes connections; raise StackError after `seconds` or when it `gave_up`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or gave_up():
                raise StackError(f"Postgres does not start: {reason_of(error)}") from error
            time.sleep(0.05)
        else:
            return


@contextmanager
def store_of(stack: Stack) -> Iterator[Store]:
    """Give the stack's ops and platform tables for the block; raise StackError where they do not answer."""
    try:
        with closing(Store.connect(stack.database_url)) as store:
            yield store
    except psycopg.Error as error:
        raise StackError(f"the database does not answer ({type(error).__name__})") from error


def check(dsn: str, setting: str) -> None:
    """Raise StackError where the database that `setting` names cannot be used."""
    try:
        psycopg.connect(dsn, connect_timeout=10).close()
    except psycopg.Error as error:
        raise StackError(f"the database of {setting} cannot be used: {reason_of(error)}") from error


def create(stack: Stack) -> None:
    """Make a role and a database of its own for ops and for Airflow, where they are not there yet."""
    with psycopg.connect(stack.postgres_url, autocommit=True) as connection:
        for name, password in (
            ("ops", stack.ops_database_password),
            ("airflow", stack.airflow_database_password),
        ):
            _create_role(connection, name, password)
            _create_database(connection, name)


def has_platform_tables(dsn: str) -> bool:
    """Tell whether a platform is there: its tables are its own, and we never alter them."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT to_regclass('public.users') IS NOT NULL").fetchone()
        return bool(row and row[0])


def _create_role(connection: psycopg.Connection, name: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    verb = "ALTER" if known else "CREATE"
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(sql.SQL(verb), sql.Identifier(name), sql.Literal(password)))


def _create_database(connection: psycopg.Connection, name: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
    if not known:
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))


def reason_of(error: psycopg.Error) -> str:
    """Return the last line of the driver's text, which has no password in it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
