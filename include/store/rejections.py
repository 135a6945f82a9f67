"""How many requests were refused, by hour and reason: counters, whatever a forger sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.store.sql import queries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

SQL = queries("rejections")


class Rejections:
    """The table `ops.rejections`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Work over `connection`."""
        self._connection = connection

    def add(self, counts: Mapping[tuple[str, str], int], *, now: datetime) -> None:
        """Add `counts` by (provider, reason) to the counters of this hour."""
        keys = sorted(counts)
        SQL.count_rejections(
            self._connection,
            hour=now.replace(minute=0, second=0, microsecond=0),
            providers=[provider for provider, _ in keys],
            reasons=[reason for _, reason in keys],
            counts=[counts[key] for key in keys],
        )

    def since(self, then: datetime) -> dict[tuple[str, str], int]:
        """Sum up the counters from the hour of `then` on, by (provider, reason)."""
        hour = then.replace(minute=0, second=0, microsecond=0)
        sums: dict[tuple[str, str], int] = {}
        for row in SQL.read_rejections(self._connection, since=hour):
            key = row["provider"], row["reason"]
            sums[key] = sums.get(key, 0) + row["count"]
        return sums
