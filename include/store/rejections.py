"""How many requests were refused, by minute and reason: counters, whatever a forger sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.store.sql import Table, queries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


SQL = queries("rejections")


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """How many requests were refused for a reason, and in which minute that began."""

    provider: str
    reason: str
    count: int
    since: datetime


class Rejections(Table):
    """The table `ops.rejections`."""

    def add(self, counts: Mapping[tuple[str, str], int], *, now: datetime) -> None:
        """Add `counts` by (provider, reason) to the counters of this minute."""
        keys = sorted(counts)
        SQL.count_rejections(
            self._connection,
            hour=_minute_of(now),
            providers=[provider for provider, _ in keys],
            reasons=[reason for _, reason in keys],
            counts=[counts[key] for key in keys],
        )

    def since(self, then: datetime) -> dict[tuple[str, str], int]:
        """Sum up the counters from the minute of `then` on, by (provider, reason)."""
        return {(one.provider, one.reason): one.count for one in self.read(since=then)}

    def read(self, *, since: datetime) -> list[Refused]:
        """Return what was refused from the minute of `since` on, by provider and reason."""
        rows = SQL.read_rejections(self._connection, since=_minute_of(since))
        return [Refused(**row) for row in rows]


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
