"""What became of each expected start of a scheduled job: one row per tick, so that silence is never the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from include.store.sql import Table, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class TickOutcome(StrEnum):
    """What became of a tick."""

    RAN = "ran"
    LATE = "late"
    SKIPPED = "skipped"  # on purpose: `reason` says why
    MISSED = "missed"  # nobody wanted that; `reason` says what was seen around it


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """One expected start; `late_seconds` from the tick to the start of its run."""

    job: str
    tick_at: datetime
    outcome: TickOutcome
    dag_run_id: str | None = None
    started_at: datetime | None = None
    late_seconds: int | None = None
    reason: str | None = None


class CronTicks(Table, file="cron_ticks"):
    """The table `ops.cron_ticks`."""

    def note(self, ticks: Iterable[Tick], *, now: datetime) -> None:
        """Write ticks down; one that was missing when it was looked for last may have run since."""
        self._sql.note_ticks([values_of(tick, now=now) for tick in ticks])

    def last(self, job: str) -> datetime | None:
        """Return the newest tick that is written down."""
        return self._sql.read_last(job=job)

    def any(self) -> bool:
        """Tell whether any tick is written down."""
        return self._sql.has_any()

    def missed(self, job: str, *, since: datetime) -> list[datetime]:
        """Return the ticks of which no run was seen yet."""
        return [row["tick_at"] for row in self._sql.read_missed(job=job, since=since)]

    def since(self, since: datetime) -> list[Tick]:
        """Return all ticks from then on, newest first."""
        rows = self._sql.read_ticks(since=since)
        return [record_from(Tick, row, outcome=TickOutcome) for row in rows]
