"""One try: all steps of the events' own job, or the undoing of what it has half done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from include.errors import VendorError
from include.failures.breakers import CircuitBreaker
from include.failures.cases import FailedRow, RunAttempt, fail_rows
from include.failures.dead_letters import audit_moves
from include.failures.retry_policy import MAX_RETRIES
from include.jobs.mailchimp_sync import steps as mailchimp_sync
from include.jobs.mailchimp_sync.compensate import undo
from include.jobs.mailchimp_sync.names import JOB as SYNC
from include.store.dead_letters import DeadLetterState
from include.store.inbox import InboxState
from include.vendors.mailchimp.client import VENDOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from include.clock import Clock
    from include.store import Store
    from include.store.dead_letters import DeadLetter
    from include.store.inbox import InboxRow
    from include.vendors.clerk.client import Clerk
    from include.vendors.mailchimp.client import Mailchimp
    from include.vendors.stripe.client import Stripe

JOB = "webhook_retry"
ACTOR = f"system:{JOB}"
UNDONE = "undone by a person's decision"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryCollaborators:
    """Whom a try may call, and how."""

    stripe: Stripe
    clerk: Clerk
    mailchimp: Mailchimp
    connections: int
    has_welcome: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptNumber:
    """Which of a run's tries this is, from 1; `total` counts the ones before a clear, too."""

    number: int
    total: int
    is_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Retried:
    """What came of a try: dead letters that are dead now, with their reasons; how late the try began."""

    dead: tuple[str, ...]
    lag_seconds: float | None


def retry_rows(  # noqa: PLR0913 - collaborators, by name
    inbox_ids: Sequence[int],
    *,
    dag_run_id: str,
    which: AttemptNumber,
    store: Store,
    vendors: RetryCollaborators,
    clock: Clock,
    opens_after: int,
) -> Retried:
    """Try these rows again, or undo what they have half done.

    Raises VendorUnavailableError where another try may help, with this one written down; a vendor that
    is down as a whole is not waited for: its rows wait for the next probe, and the run is over.
    """
    store.dispatches.attach(
        dag_run_id, job=JOB, inbox_ids=inbox_ids, now=clock.now(), with_dead=which.number == 1
    )
    ids = [row.id for row in _held(inbox_ids, dag_run_id, store)]
    dead_letters, now = store.dead_letters.of_rows(ids), clock.now()
    due_at = _due_at(dead_letters, which, store)
    tried = RunAttempt(
        by=JOB,
        dag_run_id=dag_run_id,
        now=now,
        number=which.total,
        due_at=due_at,
        started_at=now,
        retries=MAX_RETRIES if which.is_last else which.number,
        opens_after=opens_after,
    )
    lag = (now - due_at).total_seconds() if due_at else None
    log.info("retry.begins", rows=len(ids), try_number=which.number, lag_seconds=lag)
    run = _Run(inbox_ids=inbox_ids, tried=tried, store=store, vendors=vendors, clock=clock)
    undoing = [
        dead_letter
        for dead_letter in dead_letters
        if dead_letter.state is DeadLetterState.COMPENSATING
    ]
    try:
        if undoing:
            run.undo(undoing, ids)
        else:
            run.sync(which)
    except VendorError as error:
        goes_on = run.fail(error)
        log.warning("retry.failed", try_number=which.number, reason=str(error), is_over=not goes_on)
        if goes_on:
            raise
    dead = {
        dead_letter.reason
        for dead_letter in store.dead_letters.of_rows(ids)
        if dead_letter.state is DeadLetterState.OPEN and dead_letter.dag_run_id == dag_run_id
    }
    return Retried(dead=tuple(sorted(dead)), lag_seconds=lag)


def _held(inbox_ids: Sequence[int], dag_run_id: str, store: Store) -> list[InboxRow]:
    """Return the rows that are in this run's hands."""
    return [
        row
        for row in store.inbox.rows(inbox_ids)
        if row.state is InboxState.DISPATCHED and row.dag_run_id == dag_run_id
    ]


def _due_at(
    dead_letters: Sequence[DeadLetter], which: AttemptNumber, store: Store
) -> datetime | None:
    """Return when this try was due: 1, 2, 4, 8 or 16 s after the one before, where that is known."""
    ends = [
        a.ended_at
        for dead_letter in dead_letters
        for a in store.dead_letters.attempts(dead_letter.id)[-1:]
    ]
    is_by_hand = any(
        dead_letter.state is not DeadLetterState.RETRYING for dead_letter in dead_letters
    )
    if not ends or (is_by_hand and which.number == 1):
        return None
    return max(ends) + timedelta(seconds=2 ** (which.number - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What a try works on, and with."""

    inbox_ids: Sequence[int]
    tried: RunAttempt
    store: Store
    vendors: RetryCollaborators
    clock: Clock

    def sync(self, which: AttemptNumber) -> None:
        """Do all steps of the events' job, one after the other."""
        vendors = self.vendors
        run: dict[str, Any] = {
            "dag_run_id": self.tried.dag_run_id,
            "store": self.store,
            "clock": self.clock,
        }
        to_mailchimp = {
            **run,
            "mailchimp": vendors.mailchimp,
            "connections": vendors.connections,
            "is_last_try": which.is_last,
        }
        plan = mailchimp_sync.load_members(
            self.inbox_ids,
            stripe=vendors.stripe,
            clerk=vendors.clerk,
            has_welcome=vendors.has_welcome,
            is_last_try=which.is_last,
            tried=self.tried,
            **run,
        )
        if not plan.members and not plan.has_welcomes:
            return
        mailchimp_sync.update_mailchimp(is_first_try=which.number == 1, **to_mailchimp)
        if plan.has_welcomes:
            mailchimp_sync.trigger_welcome(**to_mailchimp)
        mailchimp_sync.record(tried=replace(self.tried, now=self.clock.now()), **run)

    def fail(self, error: VendorError) -> bool:
        """Write down a try that failed; tell whether there is to be another one of this run."""
        store, tried = self.store, replace(self.tried, now=self.clock.now())
        held = _held(self.inbox_ids, tried.dag_run_id, store)
        failed = [FailedRow.of(row, error, job=SYNC) for row in held]
        with store.transaction():
            goes_on = fail_rows(failed, tried=tried, store=store, is_held=True)
            if not goes_on:
                store.dispatches.finish(tried.dag_run_id, now=tried.now)
        return goes_on

    def undo(self, dead_letters: Sequence[DeadLetter], ids: Sequence[int]) -> None:
        """Undo what dead letters' jobs have half done, then end their events and close them."""
        store, clock, run_id = self.store, self.clock, self.tried.dag_run_id
        breaker = CircuitBreaker(VENDOR, by=run_id, store=store, clock=clock).enter()
        if breaker.is_open:
            raise breaker.error
        members = [
            dead_letter.member_id
            for dead_letter in dead_letters
            if dead_letter.member_id is not None
        ]
        try:
            for member_id in members:
                if undo(member_id, store=store, mailchimp=self.vendors.mailchimp, clock=clock):
                    breaker.note([None])
        except VendorError as error:
            breaker.note([error])
            raise
        finally:
            breaker.leave()
        now = clock.now()
        with store.transaction():
            store.inbox.finish(ids, state=InboxState.IGNORED, reason=UNDONE, now=now)
            moved = store.dead_letters.change(
                [dead_letter.id for dead_letter in dead_letters],
                before=[DeadLetterState.COMPENSATING],
                state=DeadLetterState.COMPENSATED,
                actor=dead_letters[0].actor or ACTOR,
                why=dead_letters[0].why,
                now=now,
            )
            audit_moves(moved, actor=ACTOR, store=store, now=now, dag_run_id=run_id)
            store.dispatches.finish(run_id, now=now)
