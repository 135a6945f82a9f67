"""Load members: rows → events → members, whose newest state goes into the platform's tables.

A chunk of rows is one transaction that holds the locks of its members: collect → resolve → apply → write, a module
each. Rows end here when they cannot be read (dead), are about nobody (ignored) or tell only what something newer has
overtaken (superseded). All others wait in the run for what comes of their members.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import structlog
from psycopg.errors import DeadlockDetected, UniqueViolation

from include.errors import PayloadError, VendorError
from include.events import event_from
from include.failures.cases import FailedRow, RunAttempt, fail_rows
from include.failures.retry_policy import is_retried_by_task
from include.jobs.mailchimp_sync.apply import apply_updates
from include.jobs.mailchimp_sync.collect import Arrived, collect
from include.jobs.mailchimp_sync.names import JOB, WELCOME
from include.jobs.mailchimp_sync.report import SyncPlan
from include.jobs.mailchimp_sync.resolve import Resolver
from include.jobs.mailchimp_sync.write import ChunkWriter
from include.membership.identity_map import IdentityMap
from include.store.inbox import NO_MAIL, InboxState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from include.clock import Clock
    from include.errors import OpsError
    from include.failures.breakers import CircuitBreaker
    from include.jobs.mailchimp_sync.vendors import VendorReader
    from include.membership.policy import Policy
    from include.store import Store
    from include.store.inbox import InboxRow

CHUNK_ROWS = 100
ASKED = ("stripe", "clerk")  # the vendors whose events we get
COLLISIONS = 5  # how often two runs may make the same person at once before the task tries again

log = structlog.get_logger(__name__)


def note_answers(vendors: VendorReader, breakers: Mapping[str, CircuitBreaker]) -> None:
    """Tell the breakers which vendors answered, and which were not asked though this run might."""
    for vendor, breaker in breakers.items():
        if vendor in vendors.answered:
            breaker.note([None])
        elif vendor in vendors.down:
            continue  # for whom it failed is told with the rows that fail
        breaker.leave()


def of_our_world(
    rows: Sequence[InboxRow], *, is_live: bool, store: Store, now: datetime
) -> list[InboxRow]:
    """Return the rows of our own mode: what Stripe tests must not touch who really pays."""
    tests = [row.id for row in rows if is_live and row.provider == "stripe" and row.mode == "test"]
    store.inbox.finish(tests, state=InboxState.IGNORED, reason="of Stripe's test mode", now=now)
    return [row for row in rows if row.id not in set(tests)]


def read_events(rows: Sequence[InboxRow], *, tried: RunAttempt, store: Store) -> list[Arrived]:
    """Parse the rows; one that cannot be read is dead, and waits for a person."""
    arrived = []
    for row in rows:
        try:
            event = event_from(provider=row.provider, event_id=row.event_id, body=row.body or b"")
        except PayloadError as error:
            _fail([row], error, reason=f"cannot be read: {error}", tried=tried, store=store)
        else:
            was_loaded, mails_nobody = row.member_id is not None, NO_MAIL in row.headers
            arrived.append(Arrived(row.id, row.provider, row.mode, event, was_loaded, mails_nobody))
    return arrived


def apply(  # noqa: PLR0913 - collaborators, by name
    rows: Sequence[Arrived],
    *,
    dag_run_id: str,
    has_welcome: bool,
    store: Store,
    vendors: VendorReader,
    clock: Clock,
    policy: Policy,
) -> dict[int, VendorError]:
    """Apply a chunk in one transaction; anew, when another run has made one of its members at the same moment."""
    now = clock.now()
    for attempt in range(1, COLLISIONS + 1):
        try:
            with store.transaction():
                updates, identity_map = collect(rows, policy), IdentityMap(now, policy)
                resolver = Resolver(updates, identity_map, store, vendors, policy)
                resolver.resolve()
                apply_updates(updates, identity_map, policy=policy, ask=resolver.ask)
                writer = ChunkWriter(updates, identity_map, store, policy, dag_run_id)
                return writer.write(has_welcome=has_welcome)
        except (UniqueViolation, DeadlockDetected):
            if attempt == COLLISIONS:
                raise
            log.info("chunk.collision", attempt=attempt)
    raise AssertionError("unreachable")


def answer_for(
    unanswered: dict[int, VendorError],
    rows: Sequence[InboxRow],
    *,
    tried: RunAttempt,
    store: Store,
    is_last_try: bool,
) -> None:
    """Fail the rows whose vendor will not answer any more, and have the task tried again for the others."""
    later = {
        inbox_id: error
        for inbox_id, error in unanswered.items()
        if is_retried_by_task(error) and not is_last_try
    }
    alike: dict[tuple[type[VendorError], str], list[InboxRow]] = defaultdict(list)
    for row in rows:
        if row.id in unanswered and row.id not in later:
            error = unanswered[row.id]
            alike[type(error), str(error)].append(row)
    for failed in alike.values():
        error = unanswered[failed[0].id]
        _fail(failed, error, reason=str(error), tried=tried, store=store)
    for error in later.values():
        raise error


def _fail(
    rows: Sequence[InboxRow], error: OpsError, *, reason: str, tried: RunAttempt, store: Store
) -> None:
    """End rows as failed, and decide what becomes of them."""
    with store.transaction():
        ended = store.inbox.fail(
            [row.id for row in rows], reason=reason, error_class=error.kind, now=tried.now
        )
        failed = [
            FailedRow.of(row, error, job=JOB, reason=reason) for row in rows if row.id in ended
        ]
        fail_rows(failed, tried=tried, store=store)


def plan(dag_run_id: str, *, store: Store, clock: Clock) -> SyncPlan:
    """Say what is left; a run without members has nothing left and is closed."""
    members = len(store.run_members.pending(dag_run_id))
    if not members:
        store.dispatches.finish(dag_run_id, now=clock.now())
    return SyncPlan(members=members, has_welcomes=store.steps.has_open(WELCOME, dag_run_id))
