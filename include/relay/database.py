"""How the relay reaches Postgres: it would rather hear no than wait.

Connections are held for a session (`LISTEN`, prepared statements): behind a pooler use its session mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from include.store import Store
from include.store.sql import queries

if TYPE_CHECKING:
    from pydantic import SecretStr

SQL = queries("session")


@dataclass(frozen=True, slots=True)
class Connect:
    """Opens a Store whose statements end within a time, also when the database's host is gone."""

    dsn: SecretStr
    timeout_seconds: float

    def __call__(self) -> Store:
        """Connect, or raise psycopg.OperationalError."""
        milliseconds = round(self.timeout_seconds * 1000)
        store = Store(
            psycopg.connect(
                self.dsn.get_secret_value(),
                connect_timeout=2,  # the shortest that libpq takes
                tcp_user_timeout=milliseconds,
                application_name="ops relay",
            )
        )
        list(SQL.limit_statements(store.connection, milliseconds=str(milliseconds)))
        return store
