"""The databases and roles inside the embedded Postgres, and waiting for a database to answer."""

from __future__ import annotations

import re
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from include.operate.errors import CommandError
from include.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.lab.stack.stack import Stack

FATAL: Final = re.compile(r"FATAL:\s+(.+)")  # what the server itself says before there is a session
UNREACHED: Final = {
    "Connection refused": "nothing listens there",
    "could not translate host name": "there is no host of this name",
    "failed to resolve host": "there is no host of this name",
    "timeout expired": "no answer in time",
    "connection timeout": "no answer in time",
    "No route to host": "there is no way to it",
    "SSL": "no encrypted connection comes about",
}


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


@contextmanager
def store_of(stack: Stack) -> Iterator[Store]:
    """Give the stack's ops and platform tables for the block; raise CommandError where they do not answer."""
    try:
        with closing(Store.connect(stack.database_url)) as store:
            yield store
    except psycopg.Error as error:
        raise CommandError(f"the database does not answer ({type(error).__name__})") from error


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
    """Return why, without what an address holds: libpq quotes pieces of one that it cannot read, passwords too."""
    text = str(error)
    from_server = error.diag.message_primary or next(iter(FATAL.findall(text)), None)
    known = (words for sign, words in UNREACHED.items() if sign in text)
    return from_server or next(known, f"its address cannot be used ({type(error).__name__})")
