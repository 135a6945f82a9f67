"""The journal of effects that must happen once: intent before the call, result after it.

planned ─▶ intended ─▶ done
   ▲          ├──────▶ uncertain   the answer was lost: a person decides, nothing repeats it
   └──────────┤                    the call surely did not arrive: planned again
              └──────▶ refused     it must not happen any more
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from include.store.sql import MemberTable, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from uuid import UUID


class StepState(StrEnum):
    """Where an effect stands."""

    PLANNED = "planned"
    INTENDED = "intended"
    DONE = "done"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """Where a step goes from `intended` or `planned`."""

    key: str
    state: StepState
    reason: str | None = None


class Steps(MemberTable, file="steps"):
    """The table `ops.steps`."""

    def plan(
        self, effect: str, members: Collection[UUID], *, dag_run_id: str, now: datetime
    ) -> None:
        """Plan an effect for each of these members, unless it has ever been planned before."""
        self._sql.plan_steps(
            effect=effect, member_ids=list(members), dag_run_id=dag_run_id, now=now
        )

    def planned(self, effect: str, dag_run_id: str) -> dict[str, UUID]:
        """Return the planned steps of this run's members, as key → member."""
        rows = self._sql.read_planned(effect=effect, dag_run_id=dag_run_id)
        return {row["key"]: row["member_id"] for row in rows}

    def has_open(self, effect: str, dag_run_id: str) -> bool:
        """Tell whether this run's members have a step that is planned, or begun and not ended."""
        return self._sql.has_open(effect=effect, dag_run_id=dag_run_id)

    def intend(self, keys: Collection[str], *, dag_run_id: str, now: datetime) -> set[str]:
        """Write down that the calls are about to be made; return the ones that are ours to make."""
        rows = self._sql.intend_steps(keys=list(keys), dag_run_id=dag_run_id, now=now)
        return {row["key"] for row in rows}

    def end(self, endings: Iterable[Ending], *, now: datetime) -> None:
        """Write down what came of steps that are intended or planned."""
        self._sql.end_steps([values_of(ending, now=now) for ending in endings])

    def mark_uncertain(
        self, effect: str, dag_run_id: str, *, stale_since: datetime, now: datetime
    ) -> list[UUID]:
        """Make begun steps uncertain that nobody works on any more; return their members.

        These are the ones an earlier try of this run has begun, and those of this run's members
        that any run has begun before `stale_since`.
        """
        rows = self._sql.mark_uncertain(
            effect=effect, dag_run_id=dag_run_id, stale_since=stale_since, now=now
        )
        return [row["member_id"] for row in rows]

    def decide(
        self, keys: Collection[str], *, state: StepState, reason: str, now: datetime
    ) -> None:
        """Write down what a person has decided about uncertain steps."""
        self._sql.decide_steps(keys=list(keys), state=state, reason=reason, now=now)
