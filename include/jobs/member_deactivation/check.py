"""Check status: take what is due, and ask Stripe whether it is still to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from include.batches import batches
from include.jobs.mailchimp_sync.vendors import VendorReader
from include.jobs.member_deactivation.judging import Verdicts, judge, locked
from include.membership.ends import EndState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.clients.stripe import Stripe
    from include.clock import Clock
    from include.errors import VendorError
    from include.store import Store

MOST_ROWS = 500  # Mailchimp's bulk call takes as many
CHUNK_ROWS = 50  # whose members are locked at once

log = structlog.get_logger(__name__)


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


def row_id_from(conf: Mapping[str, object]) -> int:
    """Return the row that a run was made for; 0 where it does not say, as no row is called."""
    row_id = conf.get("deactivation_id")
    return row_id if isinstance(row_id, int) else 0


def check_status(  # noqa: PLR0913 - collaborators, by name
    row_id: int,
    *,
    dag_run_id: str,
    store: Store,
    stripe: Stripe,
    clock: Clock,
    is_last_try: bool = False,
) -> DeactivationPlan:
    """Take what is due, the run's own row first, and decide about each row.

    Raises VendorUnavailableError, after all other rows are decided, while Stripe is down; on the last
    try such rows fail instead.
    """
    _return_early(row_id, dag_run_id, store, clock)
    taken = store.deactivations.take(
        dag_run_id, own_id=row_id, now=clock.now(), row_limit=MOST_ROWS
    )
    vendors = VendorReader(stripe, None, clock)
    to_be: list[int] = []
    unanswered: dict[int, VendorError] = {}
    open_ids = [row.id for row in taken if row.applied_at is None]
    for ids in batches(open_ids, CHUNK_ROWS):
        verdicts = decide_rows(
            ids, dag_run_id=dag_run_id, store=store, vendors=vendors, clock=clock
        )
        to_be += verdicts.to_be
        unanswered |= verdicts.unanswered
    applied = sum(row.applied_at is not None for row in taken)
    failures = fail_unanswered(unanswered, store=store, clock=clock, is_last_try=is_last_try)
    plan = DeactivationPlan(to_be=len(to_be) + applied, taken=len(taken), failures=failures)
    log.info("deactivations.checked", taken=plan.taken, to_be=plan.to_be, failed=len(failures))
    return plan


def decide_rows(
    ids: Sequence[int], *, dag_run_id: str, store: Store, vendors: VendorReader, clock: Clock
) -> Verdicts:
    """Decide about rows of this run, under their members' locks."""
    with store.transaction():
        rows, members = locked(ids, dag_run_id=dag_run_id, store=store)
        verdicts = judge(
            rows, members, dag_run_id=dag_run_id, store=store, vendors=vendors, clock=clock
        )
        store.deactivations.decide(verdicts.to_be, now=clock.now())
    return verdicts


def fail_unanswered(
    unanswered: Mapping[int, VendorError], *, store: Store, clock: Clock, is_last_try: bool
) -> dict[int, str]:
    """Fail the rows that Stripe will not answer about any more, or have the task tried again."""
    for error in unanswered.values():
        if error.retryable and not is_last_try:
            raise error
    reasons = {row_id: str(error) for row_id, error in unanswered.items()}
    store.deactivations.fail(reasons, now=clock.now())
    for row_id, reason in reasons.items():
        log.warning("deactivation.failed", id=row_id, reason=reason)
    return reasons


def _return_early(row_id: int, dag_run_id: str, store: Store, clock: Clock) -> None:
    """Let a row have another run whose own came too early: a person started it, or a clock is wrong."""
    row = store.deactivations.get(row_id)
    if row is None or row.state is not EndState.SCHEDULED or row.dag_run_id != dag_run_id:
        return
    if row.deactivate_at is not None and row.deactivate_at > clock.now():
        store.deactivations.return_row(row_id, now=clock.now())
        log.warning("deactivation.early", id=row_id, deactivate_at=row.deactivate_at.isoformat())
