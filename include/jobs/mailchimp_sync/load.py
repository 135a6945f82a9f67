"""Load members: rows → events → members, whose newest state goes into the platform's tables.

A chunk of rows is one transaction that holds the locks of its members. Rows end here when they cannot be
read (dead), are about nobody (ignored) or tell only what something newer has overtaken (superseded). All
others wait in the run for what comes of their members.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import structlog
from psycopg.errors import DeadlockDetected, UniqueViolation

from include.errors import PayloadError, VendorError
from include.events import event_from
from include.jobs.mailchimp_sync.chunk import Arrived, Chunk
from include.jobs.mailchimp_sync.names import JOB, WELCOME
from include.jobs.mailchimp_sync.refunds import note_refunds
from include.jobs.mailchimp_sync.vendors import Vendors
from include.store.inbox import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.clients.clerk import Clerk
    from include.clients.stripe import Stripe
    from include.clock import Clock
    from include.store import Store
    from include.store.inbox import InboxRow

CHUNK_ROWS = 100
COLLISIONS = 5  # how often two runs may make the same person at once before the task tries again

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is left to do for a run."""

    members: int
    has_welcomes: bool


def load_members(  # noqa: PLR0913 - collaborators, by name
    inbox_ids: Sequence[int],
    *,
    dag_run_id: str,
    store: Store,
    stripe: Stripe,
    clerk: Clerk,
    clock: Clock,
    has_welcome: bool = True,
    is_last_try: bool = False,
) -> Plan:
    """Bring the members of these rows up to date in the platform's tables, and plan the rest.

    Raises VendorUnavailableError, after all other rows are done, while a vendor that has to be asked
    is down; on the last try such rows fail instead.
    """
    store.dispatches.adopt(dag_run_id, job=JOB, inbox_ids=inbox_ids, now=clock.now())
    rows = [
        row
        for row in store.inbox.rows(inbox_ids)
        if row.state is State.DISPATCHED and row.dag_run_id == dag_run_id
    ]
    read = _read_events(rows, store=store, clock=clock)
    arrived, unanswered = note_refunds(read, store=store, stripe=stripe)
    vendors = Vendors(stripe, clerk, clock)
    for part in _chunks(arrived):
        chunk = Chunk(part, dag_run_id=dag_run_id, store=store, vendors=vendors, clock=clock)
        unanswered |= _apply(chunk, store, has_welcome=has_welcome)
    _answer_for(unanswered, store=store, clock=clock, is_last_try=is_last_try)
    plan = _plan(dag_run_id, store=store, clock=clock)
    return plan if has_welcome else replace(plan, has_welcomes=False)


def _read_events(rows: Sequence[InboxRow], *, store: Store, clock: Clock) -> list[Arrived]:
    """Parse the rows; one that cannot be read is dead, and waits for a person."""
    arrived = []
    for row in rows:
        try:
            event = event_from(provider=row.provider, event_id=row.event_id, body=row.body or b"")
        except PayloadError as error:
            reason = f"cannot be read: {error}"
            store.inbox.finish([row.id], state=State.DEAD, reason=reason, now=clock.now())
            log.warning("row.dead", inbox_id=row.id, reason=reason)
        else:
            was_loaded = row.member_id is not None
            arrived.append(Arrived(row.id, row.provider, row.mode, event, was_loaded))
    return arrived


def _chunks(arrived: Sequence[Arrived]) -> Iterator[list[Arrived]]:
    rest = iter(arrived)
    while part := list(islice(rest, CHUNK_ROWS)):
        yield part


def _apply(chunk: Chunk, store: Store, *, has_welcome: bool) -> dict[int, VendorError]:
    """Apply a chunk; anew, when another run has made one of its members at the same moment."""
    for attempt in range(1, COLLISIONS + 1):
        try:
            with store.transaction():
                return chunk.apply(has_welcome=has_welcome)
        except (UniqueViolation, DeadlockDetected):
            if attempt == COLLISIONS:
                raise
            log.info("chunk.collision", attempt=attempt)
    raise AssertionError("unreachable")


def _answer_for(
    unanswered: dict[int, VendorError], *, store: Store, clock: Clock, is_last_try: bool
) -> None:
    """Fail the rows whose vendor will not answer any more, or have the task tried again."""
    for inbox_id, error in unanswered.items():
        if error.retryable and not is_last_try:
            raise error
        store.inbox.fail([inbox_id], reason=str(error), now=clock.now())
        log.warning("row.failed", inbox_id=inbox_id, reason=str(error))


def _plan(dag_run_id: str, *, store: Store, clock: Clock) -> Plan:
    """Say what is left; a run without members has nothing left and is closed."""
    members = len(store.run_members.pending(dag_run_id))
    if not members:
        store.dispatches.finish(dag_run_id, now=clock.now())
    return Plan(members=members, has_welcomes=store.steps.has_open(WELCOME, dag_run_id))
