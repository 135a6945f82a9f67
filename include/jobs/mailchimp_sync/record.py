"""Record: the audit log, the end of the rows and of the run, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.clients.mailchimp import VENDOR
from include.errors import ErrorClass
from include.failures.breakers import OPENS_AFTER
from include.failures.cases import FailedRow, RunAttempt, end_well, fail_rows
from include.jobs.mailchimp_sync.names import ACTOR, JOB
from include.store.audit import AuditEntry, member_target
from include.store.inbox import InboxState
from include.store.run_members import MemberOutcome

if TYPE_CHECKING:
    from uuid import UUID

    from include.clock import Clock
    from include.store import Store
    from include.store.run_members import EndedRow, Unrecorded

ACTIONS = {MemberOutcome.CREATE: "mailchimp:create", MemberOutcome.CANCEL: "mailchimp:cancel"}
UPDATE = "mailchimp:update"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedMembers:
    """What was recorded: members, and of those in the run the ones that failed, with the reasons."""

    members: int
    failures: dict[UUID, str]

    @property
    def summary(self) -> str:
        """Return one line about the failures: how many, and each reason once."""
        reasons = "; ".join(sorted(set(self.failures.values())))
        return f"failed members: {len(self.failures)} ({reasons})"


def record(
    *,
    dag_run_id: str,
    store: Store,
    clock: Clock,
    opens_after: int = OPENS_AFTER,
    tried: RunAttempt | None = None,
) -> RecordedMembers:
    """Audit every change of the run, end its rows, and close it. Called again it adds nothing.

    What becomes of the rows that failed is decided here, in the same transaction.
    """
    now = clock.now()
    tried = tried or RunAttempt(by=JOB, dag_run_id=dag_run_id, now=now, opens_after=opens_after)
    with store.transaction():
        outcomes = store.run_members.unrecorded(dag_run_id)
        store.audit.add([_change(o, dag_run_id) for o in outcomes if _has_changed(o)], now=now)
        ended = store.run_members.record(dag_run_id, now=now)
        end_well(
            [row.id for row in ended if row.state is not InboxState.FAILED],
            tried=tried,
            store=store,
        )
        fail_rows(
            [_failed(row) for row in ended if row.state is InboxState.FAILED],
            tried=tried,
            store=store,
        )
        store.dispatches.finish(dag_run_id, now=now)
        failures = store.run_members.failures(dag_run_id)
    return RecordedMembers(members=len(outcomes), failures=failures)


def _failed(row: EndedRow) -> FailedRow:
    return FailedRow(
        inbox_id=row.id,
        job=row.job,
        member_id=row.member_id,
        error_class=row.error_class or ErrorClass.PERMANENT,
        reason=row.reason or "",
        vendor=VENDOR,
    )


def _has_changed(outcome: Unrecorded) -> bool:
    """Tell whether there is a change to audit: a call was made, or the platform's state is another."""
    return outcome.before != outcome.after or outcome.outcome not in (
        MemberOutcome.UNCHANGED,
        MemberOutcome.FAILED,
    )


def _change(outcome: Unrecorded, dag_run_id: str) -> AuditEntry:
    reason = {"reason": outcome.reason} if outcome.reason else {}
    return AuditEntry(
        target=member_target(outcome.member_id),
        actor=ACTOR,
        action=ACTIONS.get(outcome.outcome, UPDATE),
        dag_run_id=dag_run_id,
        inbox_ids=outcome.inbox_ids,
        before=outcome.before,
        after=outcome.after,
        metadata={"outcome": str(outcome.outcome), **reason},
    )
