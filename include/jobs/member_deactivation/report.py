"""What came of a run: what is left to do, what was recorded, and the audit log's line of each end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.store.scheduled_ends import deactivated

if TYPE_CHECKING:
    from include.membership.ends import Deactivation
    from include.store.audit import AuditEntry
    from include.store.run_members import Unrecorded


@dataclass(frozen=True, kw_only=True, slots=True)
class DeactivationPlan:
    """What is left to do for a run, and why the rest is not."""

    to_be: int
    taken: int
    failures: dict[int, str]

    @property
    def reason(self) -> str:
        """Return in words why there is nothing to do."""
        if self.failures:
            return f"{len(self.failures)} failed: {'; '.join(sorted(set(self.failures.values())))}"
        if self.taken:
            return "the memberships go on: Stripe has no end for them now"
        return "nothing is due: it was revoked or moved, or another run has taken it"


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


def audit_line(row: Deactivation, outcome: Unrecorded | None) -> AuditEntry:
    """Return the audit log's line of one membership; without an outcome its member was merged meanwhile."""
    if outcome is None:
        return deactivated(row)
    return deactivated(
        row, before=outcome.before, after=outcome.after, outcome=str(outcome.outcome)
    )
