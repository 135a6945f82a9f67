"""What came by webhook, counted: not one event, but all of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.routing import UNKNOWN
from include.store.sql import queries

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

SQL = queries("webhooks")
MAX_TYPES: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Unrouted:
    """A type of event that is stored and that no job takes."""

    provider: str
    type: str
    count: int


class Webhooks:
    """The inbox by provider and type."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Work over `connection`."""
        self._connection = connection

    def unrouted(self, *, since: datetime) -> list[Unrouted]:
        """Return the types that came since then and that no job takes, the most frequent first."""
        rows = SQL.read_unrouted(
            self._connection, since=since, reason=UNKNOWN.reason, row_limit=MAX_TYPES
        )
        return [Unrouted(**row) for row in rows]
