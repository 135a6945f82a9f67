"""The four tasks: load members, update Mailchimp, trigger the welcome, record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from include.batches import batches
from include.errors import ErrorClass, VendorError
from include.failures.breakers import OPENS_AFTER, CircuitBreaker
from include.failures.cases import RunAttempt, end_well, fail_rows
from include.failures.retry_policy import is_retried_by_task
from include.jobs.mailchimp_sync import load, update, welcome
from include.jobs.mailchimp_sync.money import note_refunds, tell_of_payments
from include.jobs.mailchimp_sync.names import JOB
from include.jobs.mailchimp_sync.report import (
    RecordedMembers,
    SyncPlan,
    audit_line,
    failed_row,
    has_changed,
)
from include.jobs.mailchimp_sync.thin import read_named
from include.jobs.mailchimp_sync.vendors import VendorReader
from include.membership.policy import shipped
from include.store.dead_letters import Filter
from include.store.inbox import InboxState
from include.vendors.mailchimp.client import MAX_IN_BULK, VENDOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from include.clock import Clock
    from include.membership.policy import Policy
    from include.store import Store
    from include.vendors.clerk.client import Clerk
    from include.vendors.mailchimp.client import Mailchimp
    from include.vendors.stripe.client import Stripe

log = structlog.get_logger(__name__)


def load_members(  # noqa: PLR0913 - collaborators, by name
    inbox_ids: Sequence[int],
    *,
    dag_run_id: str,
    store: Store,
    stripe: Stripe,
    clerk: Clerk,
    clock: Clock,
    has_welcome: bool = True,
    is_first_try: bool = False,
    is_last_try: bool = False,
    opens_after: int = OPENS_AFTER,
    tried: RunAttempt | None = None,
    policy: Policy | None = None,
) -> SyncPlan:
    """Bring the members of these rows up to date in the platform's tables, and plan the rest.

    Raises VendorUnavailableError, after all other rows are done, while a vendor that has to be asked
    is down; on the last try such rows fail instead. A first try takes dead rows, too: a person has
    started or cleared the run. Without a `policy` the installation's own says what makes a member.
    """
    policy = policy or shipped()
    tried = tried or RunAttempt(
        by=JOB, dag_run_id=dag_run_id, now=clock.now(), opens_after=opens_after
    )
    store.dispatches.attach(
        dag_run_id, job=tried.by, inbox_ids=inbox_ids, now=tried.now, with_dead=is_first_try
    )
    rows = [
        row
        for row in store.inbox.rows(inbox_ids)
        if row.state is InboxState.DISPATCHED and row.dag_run_id == dag_run_id
    ]
    if policy.test_mode == "ignore":
        rows = load.of_our_world(rows, is_live=stripe.is_live, store=store, now=tried.now)
    read = load.read_events(rows, tried=tried, store=store)
    breakers = {
        v: CircuitBreaker(v, by=dag_run_id, store=store, clock=clock).enter() for v in load.ASKED
    }
    left_alone = {vendor: breaker.error for vendor, breaker in breakers.items() if breaker.is_open}
    vendors = VendorReader(stripe, clerk, clock, left_alone=left_alone)
    read, unread = read_named(read, vendors)
    arrived, payments, unanswered = note_refunds(read, store=store, stripe=stripe, policy=policy)
    unanswered |= unread
    for chunk in batches(arrived, load.CHUNK_ROWS):
        unanswered |= load.apply(
            chunk,
            dag_run_id=dag_run_id,
            has_welcome=has_welcome,
            store=store,
            vendors=vendors,
            clock=clock,
            policy=policy,
        )
    tell_of_payments(payments, store=store, dag_run_id=dag_run_id, now=tried.now)
    load.note_answers(vendors, breakers)
    with store.transaction():
        end_well([row.id for row in rows], tried=tried, store=store)
    load.answer_for(unanswered, rows, tried=tried, store=store, is_last_try=is_last_try)
    plan = load.plan(dag_run_id, store=store, clock=clock)
    return plan if has_welcome else replace(plan, has_welcomes=False)


def update_mailchimp(  # noqa: PLR0913 - collaborators, by name
    *,
    dag_run_id: str,
    store: Store,
    mailchimp: Mailchimp,
    clock: Clock,
    connections: int,
    is_first_try: bool = True,
    is_last_try: bool = False,
) -> None:
    """Bring the contacts of the run's members in line, and write down what came of each.

    At most `connections` to Mailchimp at once, over all processes. Raises VendorUnavailableError for
    the members that it hit, after all others are done; on the last try these fail instead. A first
    try takes failed members again: a person has cleared the task.
    """
    if is_first_try:
        store.run_members.reopen_failed(dag_run_id)
    pending = store.run_members.pending(dag_run_id)
    silent = store.inbox.members_without_mail(dag_run_id) if pending else set()
    unanswered: list[VendorError] = []
    breaker = CircuitBreaker(VENDOR, by=dag_run_id, store=store, clock=clock)
    if pending:
        breaker.enter()
    for batch in batches(pending, MAX_IN_BULK):
        with store.transaction():
            members = update.locked(batch, store)
            done, changes = update.sorted_out(
                [members[one] for one in batch if one in members], store
            )
            done += [update.gone(member_id) for member_id in batch if member_id not in members]
            changes = [replace(c, mails_nobody=c.member_id in silent) for c in changes]
            answers = update.apply(
                changes, store, mailchimp, breaker=breaker, connections=connections
            )
            update.save_contacts(answers, store, clock)
            later = [] if is_last_try else [a for _, a in answers if is_retried_by_task(a)]
            results = [
                update.result(change, answer, members[change.member_id])
                for change, answer in answers
                if is_last_try or not is_retried_by_task(answer)
            ]
            store.run_members.resolve(dag_run_id, [*done, *results])
        unanswered += [answer for answer in later if isinstance(answer, VendorError)]
    breaker.leave()
    if unanswered:
        log.warning("members.unanswered", count=len(unanswered))
        raise unanswered[0]


def trigger_welcome(  # noqa: PLR0913 - collaborators, by name
    *,
    dag_run_id: str,
    store: Store,
    mailchimp: Mailchimp,
    clock: Clock,
    connections: int,
    is_last_try: bool = False,
) -> None:
    """Welcome the run's new members whose contact may get mail.

    Raises VendorUnavailableError where a call surely did not arrive, after all others are done; on the
    last try these members fail instead, and their welcome stays planned for the next run.
    """
    welcome.mark_uncertain(dag_run_id, store, clock)
    members = welcome.to_welcome(dag_run_id, store, clock)
    if not members:
        return
    errors: dict[UUID, VendorError] = {}
    keys = list(members)
    breaker = CircuitBreaker(VENDOR, by=dag_run_id, store=store, clock=clock).enter()
    want = min(len(keys), max(1, connections // 2))
    with store.throttle.connections("mailchimp", cap=connections, want=want) as width:
        while keys and not breaker.is_open:
            first, _ = breaker.split(keys)
            group = {key: members[key] for key in first[:width]}
            failed = welcome.welcome_group(group, dag_run_id, store, mailchimp, clock)
            breaker.note([failed.get(members[key].id) for key in group])
            errors |= failed
            keys = [key for key in keys if key not in group]
    breaker.leave()
    errors |= {members[key].id: breaker.error for key in keys}
    welcome.answer_for(errors, dag_run_id, store, is_last_try=is_last_try)


def uncertain_welcomes(dag_run_id: str, *, store: Store) -> str | None:
    """Say which welcomes of a run wait for a person because their answer was lost; None where none does."""
    wanted = Filter(dag_run_id=dag_run_id, error_class=ErrorClass.UNCERTAIN)
    ids = [str(dead_letter.id) for dead_letter in store.dead_letters.select(wanted)]
    if not ids:
        return None
    return f"{len(ids)} welcome(s) uncertain, dead letter(s) {', '.join(ids)}: sent or not, a person finds out"


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
        store.audit.add([audit_line(o, dag_run_id) for o in outcomes if has_changed(o)], now=now)
        ended = store.run_members.record(dag_run_id, now=now)
        end_well(
            [row.id for row in ended if row.state is not InboxState.FAILED],
            tried=tried,
            store=store,
        )
        fail_rows(
            [failed_row(row) for row in ended if row.state is InboxState.FAILED],
            tried=tried,
            store=store,
        )
        store.dispatches.finish(dag_run_id, now=now)
        failures = store.run_members.failures(dag_run_id)
    return RecordedMembers(members=len(outcomes), failures=failures)
