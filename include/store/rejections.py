"""How many requests were refused, by minute and reason: counters, whatever a forger sends."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.store.sql import Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


AGAIN: Final = "delivered again"
"""Counted beside the refusals, and none of them: what is stored already is acknowledged, and not stored twice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """How many requests were refused for a reason, and in which minute that began."""

    provider: str
    reason: str
    count: int
    since: datetime


class Rejections(Table, file="rejections"):
    """The table `ops.rejections`."""

    def add(self, counts: Mapping[tuple[str, str], int], *, now: datetime) -> None:
        """Add `counts` by (provider, reason) to the counters of this minute."""
        keys = sorted(counts)
        self._sql.count_rejections(
            hour=_minute_of(now),
            providers=[provider for provider, _ in keys],
            reasons=[reason for _, reason in keys],
            counts=[counts[key] for key in keys],
        )

    def read(self, *, since: datetime) -> list[Refused]:
        """Return what was refused from the minute of `since` on, by provider and reason."""
        rows = self._sql.read_rejections(since=_minute_of(since), again=AGAIN)
        return [Refused(**row) for row in rows]

    def hours(
        self, provider: str, *, since: datetime, until: datetime
    ) -> dict[str, dict[int, int]]:
        """Sum up a vendor's counters by reason and full hour since 1970; `AGAIN` is one of the reasons."""
        rows = self._sql.read_rejection_hours(provider=provider, since=since, until=until)
        found: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for row in rows:
            found[row["reason"]][row["full_hour"]] = row["count"]
        return dict(found)


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
