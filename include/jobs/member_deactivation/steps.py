"""Check status, update the database, record: what is due is asked about, ended under the member's lock, and audited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from include.batches import batches
from include.jobs.mailchimp_sync.vendors import VendorReader
from include.jobs.member_deactivation.decide import is_stale, members_after
from include.jobs.member_deactivation.report import DeactivationPlan, RecordedEnds, audit_line
from include.jobs.member_deactivation.resolve import EndResolutions, locked, resolve
from include.membership.ends import EndState
from include.membership.members import state_of
from include.membership.standing import Standing, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from include.clock import Clock
    from include.errors import VendorError
    from include.membership.ends import Deactivation
    from include.membership.members import Member
    from include.store import Store
    from include.vendors.stripe.client import Stripe

MAX_ROWS = 500  # Mailchimp's bulk call takes as many
CHUNK_ROWS = 50  # whose members are locked at once

log = structlog.get_logger(__name__)


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
    taken = store.deactivations.take(dag_run_id, own_id=row_id, now=clock.now(), row_limit=MAX_ROWS)
    vendors = VendorReader(stripe, None, clock)
    to_be: list[int] = []
    unanswered: dict[int, VendorError] = {}
    open_ids = [row.id for row in taken if row.applied_at is None]
    for ids in batches(open_ids, CHUNK_ROWS):
        resolutions = _decide_rows(
            ids, dag_run_id=dag_run_id, store=store, vendors=vendors, clock=clock
        )
        to_be += resolutions.to_be
        unanswered |= resolutions.unanswered
    applied = sum(row.applied_at is not None for row in taken)
    failures = _fail_unanswered(unanswered, store=store, clock=clock, is_last_try=is_last_try)
    plan = DeactivationPlan(to_be=len(to_be) + applied, taken=len(taken), failures=failures)
    log.info("deactivations.checked", taken=plan.taken, to_be=plan.to_be, failed=len(failures))
    return plan


def update_database(
    *,
    dag_run_id: str,
    store: Store,
    stripe: Stripe,
    clock: Clock,
    is_last_try: bool = False,
) -> int:
    """End the memberships that the run has decided about; return how many. Again, it ends none.

    What an earlier run has ended, and not brought to Mailchimp, is handed on to the next step.

    Raises VendorUnavailableError where Stripe has to be asked again and is down, after all else is done.
    """
    open_ids = [
        row.id
        for row in store.deactivations.taken(dag_run_id)
        if row.decided_at is not None or row.applied_at is not None
    ]
    vendors, ended = VendorReader(stripe, None, clock), 0
    unanswered: dict[int, VendorError] = {}
    for ids in batches(open_ids, CHUNK_ROWS):
        with store.transaction():
            rows, members = locked(ids, dag_run_id=dag_run_id, store=store)
            earlier = [row for row in rows if row.applied_at is not None]
            rows = [row for row in rows if row.applied_at is None]
            stale = [r for r in rows if is_stale(r, now=clock.now()) or r.member_id not in members]
            resolutions = resolve(
                stale, members, dag_run_id=dag_run_id, store=store, vendors=vendors, clock=clock
            )
            passed = {row.id for row in rows if row not in stale}.union(resolutions.to_be)
            to_be = [row for row in rows if row.id in passed]
            _end(to_be, members, store=store, clock=clock)
            _hand_on([*to_be, *earlier], members, dag_run_id=dag_run_id, store=store)
            unanswered |= resolutions.unanswered
            ended += len(to_be)
    _fail_unanswered(unanswered, store=store, clock=clock, is_last_try=is_last_try)
    log.info("memberships.ended", count=ended)
    return ended


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
        store.audit.add([audit_line(row, outcomes.get(row.member_id)) for row in done], now=now)
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


def _decide_rows(
    ids: Sequence[int], *, dag_run_id: str, store: Store, vendors: VendorReader, clock: Clock
) -> EndResolutions:
    """Decide about rows of this run, under their members' locks."""
    with store.transaction():
        rows, members = locked(ids, dag_run_id=dag_run_id, store=store)
        resolutions = resolve(
            rows, members, dag_run_id=dag_run_id, store=store, vendors=vendors, clock=clock
        )
        store.deactivations.decide(resolutions.to_be, now=clock.now())
    return resolutions


def _fail_unanswered(
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


def _end(
    rows: Sequence[Deactivation],
    members: Mapping[UUID, Member],
    *,
    store: Store,
    clock: Clock,
) -> None:
    """Write the new states; what is called at Mailchimp follows from them."""
    now = clock.now()
    after = members_after(rows, members)
    store.members.save([m for m in after.values() if m != members[m.id]], known=members, now=now)
    gone = [member.id for member in after.values() if standing_of(member) <= Standing.ENDED]
    hidden = store.deactivations.hide_profiles(gone, now=now)
    store.deactivations.apply([row.id for row in rows], hidden=hidden, now=now)


def _hand_on(
    rows: Iterable[Deactivation], members: Mapping[UUID, Member], *, dag_run_id: str, store: Store
) -> None:
    """Let the next steps bring the members of these rows in line, and know how they were before."""
    before = {row.member_id: members[row.member_id] for row in rows if row.member_id in members}
    store.run_members.open(dag_run_id, {m: state_of(member) for m, member in before.items()})
