"""Record: the audit log, the end of the rows and of the run, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.jobs.mailchimp_sync.names import ACTOR
from include.store.audit import Change, member_target
from include.store.run_members import Outcome

if TYPE_CHECKING:
    from uuid import UUID

    from include.clock import Clock
    from include.store import Store
    from include.store.run_members import Unrecorded

ACTIONS = {Outcome.CREATE: "mailchimp:create", Outcome.CANCEL: "mailchimp:cancel"}
UPDATE = "mailchimp:update"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What was recorded: members, and of those in the run the ones that failed, with the reasons."""

    members: int
    failures: dict[UUID, str]

    @property
    def summary(self) -> str:
        """Return one line about the failures: how many, and each reason once."""
        reasons = "; ".join(sorted(set(self.failures.values())))
        return f"failed members: {len(self.failures)} ({reasons})"


def record(*, dag_run_id: str, store: Store, clock: Clock) -> Recorded:
    """Audit every change of the run, end its rows, and close it. Called again it adds nothing."""
    now = clock.now()
    with store.transaction():
        outcomes = store.run_members.unrecorded(dag_run_id)
        store.audit.add([_change(o, dag_run_id) for o in outcomes if _has_changed(o)], now=now)
        store.run_members.record(dag_run_id, now=now)
        store.dispatches.finish(dag_run_id, now=now)
        failures = store.run_members.failures(dag_run_id)
    return Recorded(members=len(outcomes), failures=failures)


def _has_changed(outcome: Unrecorded) -> bool:
    """Tell whether there is a change to audit: a call was made, or the platform's state is another."""
    return outcome.before != outcome.after or outcome.outcome not in (
        Outcome.UNCHANGED,
        Outcome.FAILED,
    )


def _change(outcome: Unrecorded, dag_run_id: str) -> Change:
    reason = {"reason": outcome.reason} if outcome.reason else {}
    return Change(
        target=member_target(outcome.member_id),
        actor=ACTOR,
        action=ACTIONS.get(outcome.outcome, UPDATE),
        dag_run_id=dag_run_id,
        inbox_ids=outcome.inbox_ids,
        before=outcome.before,
        after=outcome.after,
        metadata={"outcome": str(outcome.outcome), **reason},
    )
