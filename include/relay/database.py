"""How the relay reaches Postgres: it would rather hear no than wait.

Connections are held for a session (`LISTEN`, prepared statements): behind a pooler use its session mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import psycopg

from include.store import Store
from include.store.sql import queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

T = TypeVar("T")

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


class KeptSession:
    """A session that is kept, as the writer keeps its own, and a new one where that has died; for one thread at a time.

    While a password is changed, open sessions go on: who can store is ready, whether or not it could log in.
    """

    def __init__(self, connect: Callable[[], Store]) -> None:
        """Connect when there is something to do."""
        self._connect = connect
        self._store: Store | None = None
        self._lock = Lock()

    def use(self, act: Callable[[Store], T]) -> T:
        """Do something, which may be begun twice; raise psycopg.Error where that is not possible."""
        with self._lock:
            if self._store is not None:
                try:
                    return act(self._store)
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    if not self._store.connection.closed:
                        raise  # a statement took too long; the session is as good as before
                    self._store = None
            self._store = self._connect()
            return act(self._store)

    def close(self) -> None:
        """Give the session back."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
