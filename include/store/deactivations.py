"""When memberships end: one row per planned end, from its announcement to the moment it is done.

pending ─▶ scheduled ─▶ running ─▶ done
   ▲           │           │
   ├───────────┴───────────┤ moved, or its run is gone
   │                       └─────▶ failed    its run gave up: a person looks
   └─ date_unknown                 the vendor does not say when: a person does, or a later event

Whatever is open may be revoked.

A row changes its end (`open`, `redate`, `revoke`) only under its member's lock. The relay, which gives it a run,
has no such lock: it names the generation that it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.membership.ends import Deactivation, EndReason, EndState
from include.store.sql import MemberTable, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from include.membership.ends import End


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCancellation:
    """A run that Airflow is to delete, and why; an optional one only if it has not begun."""

    dag_run_id: str
    reason: str
    is_optional: bool = False


class Deactivations(MemberTable, file="deactivations"):
    """The table `ops.deactivations`."""

    # --- what is planned ---

    def latest(self, subscription_ids: Collection[str]) -> dict[str, Deactivation]:
        """Return the newest row of each of these subscriptions that has one; only it can be open."""
        found = _rows(self._sql.read_latest(subscription_ids=list(subscription_ids)))
        return {row.subscription_id: row for row in found}

    def get(self, deactivation_id: int) -> Deactivation | None:
        """Return one row."""
        row = self._sql.read_one(id=deactivation_id)
        return _row(row) if row else None

    def read_open(self) -> list[Deactivation]:
        """Return what is not over, the next to come first; what has no date before all."""
        return _rows(self._sql.read_open())

    def of_member(self, member_id: UUID) -> list[Deactivation]:
        """Return all rows of a member, oldest first."""
        return _rows(self._sql.read_member(member_id=member_id))

    def counts(self) -> dict[EndState, int]:
        """Count the rows in each state that has any."""
        return {EndState(row["state"]): row["count"] for row in self._sql.count_states()}

    def work(self, *, overdue_since: datetime) -> dict[str, int]:
        """Count what is pending, running, overdue (due by then and not done), date_unknown and failed."""
        return dict(self._sql.count_work(overdue_since=overdue_since))

    def problems(self, *, row_limit: int) -> dict[int, str]:
        """Return why rows have no run, or why their runs do not go on; of so many rows."""
        return {row["id"]: row["problem"] for row in self._sql.read_problems(row_limit=row_limit)}

    def open(
        self,
        member_id: UUID,
        subscription_id: str,
        end: End,
        *,
        inbox_id: int | None,
        now: datetime,
    ) -> Deactivation:
        """Plan an end; of one without a date the state is `date_unknown`."""
        row = self._sql.open_row(
            member_id=member_id,
            subscription_id=subscription_id,
            state=_state_of(end),
            inbox_id=inbox_id,
            now=now,
            **values_of(end),
        )
        self.wake()
        return _row(row)

    def redate(  # noqa: PLR0913 - what is known of a move, by name
        self,
        deactivation_id: int,
        end: End,
        *,
        now: datetime,
        inbox_id: int | None = None,
        actor: str | None = None,
        why: str | None = None,
    ) -> Deactivation:
        """Give an open row another end and its next generation; the run that it has is cancelled."""
        row = self._sql.redate_row(
            id=deactivation_id,
            state=_state_of(end),
            inbox_id=inbox_id,
            actor=actor,
            why=why,
            now=now,
            **values_of(end),
        )
        self.wake()
        return _row(row)

    def revoke(
        self,
        deactivation_id: int,
        *,
        why: str,
        now: datetime,
        inbox_id: int | None = None,
        actor: str | None = None,
    ) -> None:
        """Close an open row: it is not to be any more; the run that it has is cancelled."""
        self._sql.revoke_row(id=deactivation_id, why=why, actor=actor, inbox_id=inbox_id, now=now)
        self.wake()

    def wake(self) -> None:
        """Tell every relay, at the commit, that there is something to do."""
        list(self._sql.wake_schedulers())

    # --- what the relay does: a run for each ---

    def try_lead(self) -> bool:
        """Be the one relay that gives rows their runs, for as long as the connection lasts; or not."""
        return self._sql.lead()

    def ahead(self, *, due_after: datetime, row_limit: int) -> list[Deactivation]:
        """Return rows without a run whose run has time until then, the next to come first."""
        return _rows(self._sql.read_ahead(due_after=due_after, row_limit=row_limit))

    def overdue(self, *, due_by: datetime, at_once: int) -> list[Deactivation]:
        """Return rows without a run that should have one by then, oldest first.

        So many that, with the runs that are due and go on, there are at most `at_once`: each takes
        whatever is due.
        """
        return _rows(self._sql.read_overdue(due_by=due_by, at_once=at_once))

    def scheduled(self, row: Deactivation, *, now: datetime) -> bool:
        """Write down that Airflow has the run of this generation; False where there is a newer one."""
        changed: int = self._sql.schedule_row(
            id=row.id, generation=row.generation, dag_run_id=row.next_run_id, now=now
        )
        return bool(changed)

    def wake_scheduler(self) -> None:
        """Wake the scheduler of a local stack: a run is due."""
        list(self._sql.wake_scheduler())

    def set_problem(self, deactivation_id: int, problem: str | None) -> None:
        """Say why a row has no run, or why its run does not go on; None when all is well again."""
        self._sql.set_problem(id=deactivation_id, problem=problem)

    def set_run_problem(self, dag_run_id: str, problem: str | None) -> None:
        """Say why a run does not go on with what it has to do; None when all is well again."""
        self._sql.set_run_problem(dag_run_id=dag_run_id, problem=problem)

    def run_cancellations(self, *, superfluous_since: datetime) -> list[RunCancellation]:
        """Return the runs that Airflow is to delete, oldest first; optional ones, if asked for by then."""
        rows = self._sql.read_cancellations(superfluous_since=superfluous_since)
        return [RunCancellation(**row) for row in rows]

    def cancel_run(self, dag_run_id: str, *, reason: str, now: datetime) -> None:
        """Have Airflow delete a run."""
        self._sql.add_cancellation(dag_run_id=dag_run_id, reason=reason, now=now)

    def delete_cancellation(self, dag_run_id: str) -> None:
        """Write down that Airflow has deleted a run."""
        self._sql.delete_cancellation(dag_run_id=dag_run_id)

    def is_at_work(self, dag_run_id: str) -> bool:
        """Tell whether a run has taken rows and not ended them."""
        return self._sql.is_at_work(dag_run_id=dag_run_id)

    def take_silent(
        self, *, now: datetime, due_by: datetime, checked_before: datetime
    ) -> list[str]:
        """Return the runs that should have done something by then, and were not asked about since."""
        rows = self._sql.take_silent(now=now, due_by=due_by, checked_before=checked_before)
        return sorted({row["run"] for row in rows})

    def reschedule(self, dag_run_id: str, *, why: str, most: int, now: datetime) -> list[int]:
        """Let what this run should have done get another one, however often that is; return the rows.

        What it had taken is perhaps what ends its runs: that has failed once it has lost `most`.
        """
        rows = self._sql.reschedule_run(dag_run_id=dag_run_id, why=why, most=most, now=now)
        self.wake()
        return [row["id"] for row in rows]

    def mark_lost(self, dag_run_id: str, *, why: str, now: datetime) -> list[int]:
        """Fail what this run has taken and not brought to its end."""
        return [row["id"] for row in self._sql.lose_run(dag_run_id=dag_run_id, why=why, now=now)]

    # --- what a run does ---

    def take(
        self, dag_run_id: str, *, own_id: int, now: datetime, row_limit: int
    ) -> list[Deactivation]:
        """Take what is due, this run's own row first; again, what it has taken and not ended.

        What another run works on is passed over. A row that had failed is taken by its own run only:
        a person has cleared it. The runs that the taken rows would have had are cancelled.
        """
        rows = _rows(
            self._sql.take_due(dag_run_id=dag_run_id, own_id=own_id, now=now, row_limit=row_limit)
        )
        if any(row.dag_run_id != dag_run_id for row in rows):
            self.wake()
        return rows

    def taken(self, dag_run_id: str, ids: Collection[int] | None = None) -> list[Deactivation]:
        """Return what this run has taken and not ended, failed ones too; all of it, or these rows."""
        wanted = None if ids is None else list(ids)
        return _rows(self._sql.read_taken(dag_run_id=dag_run_id, ids=wanted))

    def return_row(self, deactivation_id: int, *, now: datetime) -> None:
        """Let a row that is not due yet wait for another run."""
        self._sql.return_row(id=deactivation_id, now=now)
        self.wake()

    def decide(self, ids: Collection[int], *, now: datetime) -> None:
        """Write down that Stripe was asked, and that these are to be."""
        self._sql.decide_rows(ids=list(ids), now=now)

    def apply(self, ids: Collection[int], *, hidden: Collection[UUID], now: datetime) -> None:
        """Write down that the platform's tables are changed, and whose profiles that has hidden."""
        self._sql.apply_rows(ids=list(ids), hidden=list(hidden), now=now)

    def hide_profiles(self, member_ids: Collection[UUID], *, now: datetime) -> list[UUID]:
        """Hide these members' profiles; return whose were visible."""
        rows = self._sql.hide_profiles(member_ids=list(member_ids), now=now)
        return [row["member_id"] for row in rows]

    def finish(self, ids: Collection[int], *, now: datetime) -> None:
        """End rows as done."""
        self._sql.finish_rows(ids=list(ids), now=now)
        self.wake()  # what is overdue and waits for a free run

    def fail(self, reasons: Mapping[int, str], *, now: datetime) -> None:
        """Stop rows, each with its reason: a person looks."""
        self._sql.fail_rows(
            [{"id": row_id, "why": why, "now": now} for row_id, why in reasons.items()]
        )

    def show_profiles(self, member_ids: Collection[UUID], *, now: datetime) -> list[UUID]:
        """Show the profiles again that a deactivation of these members has hidden; return whose."""
        rows = self._sql.show_profiles(member_ids=list(member_ids), now=now)
        return [row["member_id"] for row in rows]

    def hide_barred(self, member_ids: Collection[UUID], *, now: datetime) -> list[UUID]:
        """Hide the profiles of members whom Clerk has barred; return whose were visible."""
        rows = self._sql.hide_barred(member_ids=list(member_ids), now=now)
        return [row["member_id"] for row in rows]

    def show_freed(self, member_ids: Collection[UUID], *, now: datetime) -> list[UUID]:
        """Show the profiles again that a bar had hidden; return whose."""
        rows = self._sql.show_freed(member_ids=list(member_ids), now=now)
        return [row["member_id"] for row in rows]

    def leave_hidden(self, member_ids: Collection[UUID]) -> None:
        """Keep the profiles hidden of members whose membership has ended while they were barred."""
        self._sql.leave_hidden(member_ids=list(member_ids))


def _state_of(end: End) -> EndState:
    return EndState.DATE_UNKNOWN if end.deactivate_at is None else EndState.PENDING


def _row(row: Mapping[str, Any]) -> Deactivation:
    return record_from(Deactivation, row, state=EndState, reason=EndReason)


def _rows(rows: Iterable[Mapping[str, Any]]) -> list[Deactivation]:
    return [_row(row) for row in rows]
