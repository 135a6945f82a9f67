"""What our role may do in the database, and whether that is as the code needs it: looked at, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.store.sql import queries

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

SQL = queries("rights")

PLATFORM_COLUMNS: Final = {
    "users": {
        "id": "uuid",
        "email": "text",
        "clerk_user_id": "text",
        "stripe_customer_id": "text",
        "first_name": "text",
        "last_name": "text",
        "is_visible": "boolean",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
        "deleted_at": "timestamp with time zone",
    },
    "memberships": {
        "id": "uuid",
        "user_id": "uuid",
        "stripe_subscription_id": "text",
        "status": "text",
        "tier": "text",
        "current_period_end": "timestamp with time zone",
        "cancel_at": "timestamp with time zone",
        "cancel_at_period_end": "boolean",
        "first_active_at": "timestamp with time zone",
        "ended_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    },
}
"""The contract of `platform.sql`, which is for databases without a platform."""

PLATFORM_KEYS: Final = frozenset(
    {
        ("users", "clerk_user_id"),
        ("users", "stripe_customer_id"),
        ("users", "lower(email)"),
        ("memberships", "stripe_subscription_id"),
    }
)
TEXTS: Final = frozenset({"text", "character varying", "citext"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Which database answers, and as whom we are there; `started_at` tells servers apart."""

    database: str
    started_at: datetime
    is_standby: bool
    role: str
    is_superuser: bool


def make_read_only(connection: psycopg.Connection[Any], *, timeout_seconds: float) -> None:
    """Have Postgres refuse every change over this connection, and end a statement that lasts longer."""
    list(SQL.make_read_only(connection, milliseconds=f"{timeout_seconds * 1000:.0f}"))


class Rights:
    """What one connection may see and do. From here on it changes nothing: Postgres refuses."""

    def __init__(self, connection: psycopg.Connection[Any], *, timeout_seconds: float) -> None:
        """Take over `connection`; no statement of it lasts longer than that."""
        self._connection = connection
        make_read_only(connection, timeout_seconds=timeout_seconds)

    def session(self) -> Session:
        """Return which database this is, and our role."""
        return Session(**SQL.read_session(self._connection))

    def version(self) -> str | None:
        """Return the migration that was applied last; None where none ever was."""
        if not SQL.has_versions(self._connection):
            return None
        found: str | None = SQL.read_version(self._connection)
        return found

    def missing(self) -> dict[str, list[str]]:
        """Return what our role may not do, by table or schema."""
        found: dict[str, list[str]] = {}
        for row in SQL.read_missing_rights(self._connection):
            found.setdefault(row["place"], []).append(row["privilege"])
        return found

    def platform_problems(self) -> list[str]:
        """Return what the platform's tables lack: columns of the types that we read, and unique keys."""
        has = {
            (row["table_name"], row["column_name"]): row["type"]
            for row in SQL.read_platform_columns(self._connection)
        }
        columns = [
            f"{table}.{column} is missing" if found is None else f"{table}.{column} is {found}"
            for table, wanted in PLATFORM_COLUMNS.items()
            for column, kind in wanted.items()
            if not _fits(found := has.get((table, column)), kind)
        ]
        keys = {
            (row["table_name"], row["columns"]) for row in SQL.read_platform_keys(self._connection)
        }
        return columns + [
            f"no unique key of {table} ({key})" for table, key in sorted(PLATFORM_KEYS - keys)
        ]

    def keeps_its_session(self) -> bool:
        """Tell whether several statements were served by one process of Postgres'."""
        return len({SQL.read_backend(self._connection) for _ in range(5)}) == 1


def _fits(found: str | None, wanted: str) -> bool:
    """Tell whether a column can be read as we do; a text may have any of the types of texts."""
    return found == wanted or (wanted == "text" and found in TEXTS)
