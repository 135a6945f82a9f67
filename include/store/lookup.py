"""What the console looks up and no job asks for: names, runs by their id, where a member is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.store.job_runs import JobRun
from include.store.metrics import WATCHERS
from include.store.sql import Table

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID


ESCAPED = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalStep:
    """Where an effect stands."""

    state: str
    reason: str | None
    planned_at: datetime
    intended_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberPlaces:
    """When her contact was brought to what it is, and who she is at Slack; None: not there."""

    synced_at: datetime | None
    slack_user_id: str | None
    lapsed_since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunMember:
    """A member in a run; without an outcome nothing has come of her yet."""

    member_id: UUID
    outcome: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberName:
    """What people call a member; the address is for those who may see it."""

    member_id: UUID
    name: str
    email: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLine:
    """A stored event in a list."""

    id: int
    provider: str
    type: str
    event_id: str
    state: str
    reason: str | None
    received_at: datetime


class Lookup(Table, file="lookup"):
    """Reads across the tables."""

    def members_named(self, name: str, *, limit: int) -> list[UUID]:
        """Return the members whose name, or family name, begins so."""
        prefix = name.lower().translate(ESCAPED) + "%"
        return [row["member_id"] for row in self._sql.find_names(prefix=prefix, row_limit=limit)]

    def runs(self, dag_run_id: str) -> list[JobRun]:
        """Return the runs of that id."""
        return [JobRun(**row) for row in self._sql.find_runs(dag_run_id=dag_run_id)]

    def members_of_run(self, dag_run_id: str, *, limit: int) -> list[RunMember]:
        """Return the members in a run, and what came of each."""
        rows = self._sql.read_run_members(dag_run_id=dag_run_id, row_limit=limit)
        return [RunMember(**row) for row in rows]

    def outcomes_of_run(self, dag_run_id: str) -> list[tuple[str | None, int]]:
        """Return what came of the members in a run, and of how many of them, the most first."""
        rows = self._sql.count_run_outcomes(dag_run_id=dag_run_id)
        return [(row["outcome"], row["number"]) for row in rows]

    def step(self, key: str) -> JournalStep | None:
        """Return where an effect stands; None where it was never planned."""
        row = self._sql.read_step(key=key)
        return JournalStep(**row) if row else None

    def places(self, member_id: UUID) -> MemberPlaces:
        """Return where she is known beside the platform."""
        return MemberPlaces(**self._sql.read_places(member_id=member_id))

    def names(self, member_ids: Collection[UUID]) -> dict[UUID, MemberName]:
        """Return what people call these members."""
        rows = self._sql.read_names(member_ids=list(member_ids))
        return {row["member_id"]: MemberName(**row) for row in rows}

    def kept_by_hand(self, *, since: datetime) -> list[int]:
        """Return the numbers of the planned ends that a person has revoked since then, the latest first."""
        return [row["id"] for row in self._sql.find_kept(since=since)]

    def run_hours(self, *, since: datetime) -> dict[datetime, tuple[int, int]]:
        """Return how many runs ended well and how many not, by hour; the watchers' left out."""
        rows = self._sql.read_run_hours(since=since, watchers=list(WATCHERS))
        return {row["hour"]: (row["well"], row["failed"]) for row in rows}

    def row_hours(self, *, since: datetime) -> dict[datetime, tuple[float, float]]:
        """Return the median and the 95th percentile of what events took, in seconds, by hour."""
        rows = self._sql.read_row_hours(since=since)
        return {row["hour"]: (row["p50"], row["p95"]) for row in rows}

    def age_hours(self, *, since: datetime) -> dict[datetime, float]:
        """Return how old, in seconds, the oldest event that waited became, by hour; an hour unmeasured is left out."""
        return {row["hour"]: row["seconds"] for row in self._sql.read_age_hours(since=since)}

    def events(self, state: str | None, *, before: int, limit: int) -> list[EventLine]:
        """Return stored events of a state, or of all, the newest first, from below a number on."""
        rows = self._sql.read_events(state=state, before=before, row_limit=limit)
        return [EventLine(**row) for row in rows]
