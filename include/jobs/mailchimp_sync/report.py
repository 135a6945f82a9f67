"""What came of a run: what is left to do, what was recorded, and the audit log's line of each member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import ErrorClass
from include.failures.cases import FailedRow
from include.jobs.mailchimp_sync.names import ACTOR
from include.store.audit import AuditEntry, member_target
from include.store.run_members import MemberOutcome
from include.vendors.mailchimp.client import VENDOR

if TYPE_CHECKING:
    from uuid import UUID

    from include.store.run_members import EndedRow, Unrecorded

ACTIONS = {MemberOutcome.CREATE: "mailchimp:create", MemberOutcome.CANCEL: "mailchimp:cancel"}
UPDATE = "mailchimp:update"


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncPlan:
    """What is left to do for a run."""

    members: int
    has_welcomes: bool


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


def failed_row(row: EndedRow) -> FailedRow:
    """Return a row whose member failed, as what becomes of it is decided by."""
    return FailedRow(
        inbox_id=row.id,
        job=row.job,
        member_id=row.member_id,
        error_class=row.error_class or ErrorClass.PERMANENT,
        reason=row.reason or "",
        vendor=VENDOR,
    )


def has_changed(outcome: Unrecorded) -> bool:
    """Tell whether there is a change to audit: a call was made, or the platform's state is another."""
    return outcome.before != outcome.after or outcome.outcome not in (
        MemberOutcome.UNCHANGED,
        MemberOutcome.FAILED,
    )


def audit_line(outcome: Unrecorded, dag_run_id: str) -> AuditEntry:
    """Return the audit log's line of one member."""
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
