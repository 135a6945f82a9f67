"""Record: the audit log and the end of the rows, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.jobs.member_deactivation.judging import locked
from include.membership.ends import EndState
from include.store.scheduled_ends import deactivated

if TYPE_CHECKING:
    from include.clock import Clock
    from include.membership.ends import Deactivation
    from include.store import Store
    from include.store.audit import AuditEntry
    from include.store.run_members import Unrecorded


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedEnds:
    """What was recorded: rows that are done, and those of the run that failed, with the reasons."""

    done: int
    failures: dict[int, str]

    @property
    def summary(self) -> str:
        """Return one line about the failures: how many, and each reason once."""
        reasons = "; ".join(sorted(set(self.failures.values())))
        return f"failed deactivations: {len(self.failures)} ({reasons})"


def record(*, dag_run_id: str, store: Store, clock: Clock) -> RecordedEnds:
    """Audit every membership that has ended, and end the rows. Called again it adds nothing.

    One that Mailchimp was not told of is audited, from its beginning, when that is mended.
    """
    now = clock.now()
    with store.transaction():
        taken = [row.id for row in store.deactivations.taken(dag_run_id)]
        rows, _ = locked(taken, dag_run_id=dag_run_id, store=store)
        pending = set(store.run_members.pending(dag_run_id))
        failures = store.run_members.failures(dag_run_id)
        outcomes = {o.member_id: o for o in store.run_members.unrecorded(dag_run_id)}
        applied = [r for r in rows if r.applied_at is not None and r.member_id not in pending]
        done = [row for row in applied if row.member_id not in failures]
        store.audit.add([_line(row, outcomes.get(row.member_id)) for row in done], now=now)
        store.deactivations.finish([row.id for row in done], now=now)
        not_tagged = {
            row.id: f"Mailchimp: {failures[row.member_id]}"
            for row in applied
            if row.member_id in failures
        }
        store.deactivations.fail(not_tagged, now=now)
        store.run_members.record(dag_run_id, now=now, untold=failures.keys())
    failed = {row.id: row.why or "" for row in rows if row.state is EndState.FAILED}
    failed = {row_id: why for row_id, why in failed.items() if row_id not in {r.id for r in done}}
    return RecordedEnds(done=len(done), failures=failed | not_tagged)


def _line(row: Deactivation, outcome: Unrecorded | None) -> AuditEntry:
    """Return the audit log's line of one membership; without an outcome its member was merged meanwhile."""
    if outcome is None:
        return deactivated(row)
    return deactivated(
        row, before=outcome.before, after=outcome.after, outcome=str(outcome.outcome)
    )
