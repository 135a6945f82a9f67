"""Money that was paid back or is disputed: Stripe says which period of which subscription it had paid for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from include.errors import PayloadError, UnreadableError, VendorError
from include.events import Invoice, MoneyMoved
from include.jobs.findings import note_findings
from include.jobs.mailchimp_sync.names import JOB
from include.store.findings import Finding, FindingKey, FindingKind
from include.store.members import Handle
from include.store.refunds import Refund

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from include.clients.stripe import Stripe
    from include.events.stripe import Charge, PaidPeriod
    from include.jobs.mailchimp_sync.chunk import Arrived
    from include.membership.policy import Policy
    from include.store import Store

CLOSED = frozenset({"won", "lost", "warning_closed", "prevented"})  # disputes that are decided
LOST = "lost"
REFUND_FAILED = (
    "a refund of a member's payment has failed: the money is still here, and her membership stays"
)
DISPUTED = (
    "a member disputes a payment at her bank; her membership stays until the bank has decided"
)

log = structlog.get_logger(__name__)


def note_money(  # noqa: PLR0913 - collaborators, by name
    arrived: Iterable[Arrived],
    *,
    store: Store,
    stripe: Stripe,
    policy: Policy,
    dag_run_id: str,
    now: datetime,
) -> tuple[list[Arrived], dict[int, VendorError]]:
    """Write down what was paid back of subscriptions' periods, and what a person has to know of it.

    Returns the rows, in which a refund or a dispute now names its subscription as an invoice does, and apart from
    them those that Stripe does not answer about. Money for something else stays as it is: about no subscription.
    """
    rows: list[Arrived] = []
    unanswered: dict[int, VendorError] = {}
    for row in arrived:
        moved = row.event.subject
        if not isinstance(moved, MoneyMoved) or moved.charge_id is None:
            rows.append(row)
            continue
        try:
            charge, period, disputes = _asked(moved.charge_id, stripe)
        except VendorError as error:
            unanswered[row.inbox_id] = error
            continue
        if period is None:
            rows.append(row)
            continue
        with store.transaction():
            _note_refund(
                charge, period, disputes, at=row.event.occurred_at, policy=policy, store=store
            )
            note_findings(
                _found(moved, charge, period, disputes, store),
                checked=[_key(FindingKind.DISPUTE, charge)],
                job=JOB,
                store=store,
                now=now,
                dag_run_id=dag_run_id,
            )
        log.info("money.noted", inbox_id=row.inbox_id, subscription_id=period.subscription_id)
        subject = Invoice(
            customer_id=charge.customer_id,
            subscription_id=period.subscription_id,
            is_paid_back=True,
        )
        rows.append(row._replace(event=replace(row.event, subject=subject)))
    return rows, unanswered


def _asked(charge_id: str, stripe: Stripe) -> tuple[Charge, PaidPeriod | None, frozenset[str]]:
    """Return a charge, what it had paid for, and where its disputes stand."""
    try:
        charge = stripe.read_charge(charge_id)
        disputes = stripe.read_disputes(charge_id) if charge.is_disputed else frozenset()
        return charge, stripe.find_paid_period(charge), disputes
    except PayloadError as error:
        raise UnreadableError(f"the answer cannot be read: {error}").by("stripe") from None


def _note_refund(  # noqa: PLR0913 - what a refund is
    charge: Charge,
    period: PaidPeriod,
    disputes: frozenset[str],
    *,
    at: datetime,
    policy: Policy,
    store: Store,
) -> None:
    """Write down what of a period's money is back with her now; or that it is not any more."""
    is_full = (charge.is_full and policy.refunds.full == "end") or (
        LOST in disputes and policy.disputes.lost == "end"
    )
    refund = Refund(
        subscription_id=period.subscription_id,
        charge_id=charge.id,
        paid_until=period.paid_until,
        refunded_at=at,
        is_full=is_full,
    )
    counts = period.is_base or policy.refunds.proration == "end"
    if counts and (is_full or charge.refunded_cents):
        store.refunds.save(refund)
    else:
        store.refunds.drop(refund)


def _found(
    moved: MoneyMoved,
    charge: Charge,
    period: PaidPeriod,
    disputes: frozenset[str],
    store: Store,
) -> Iterator[Finding]:
    """Yield what a person has to know about a member's payment."""
    owner = next(iter(store.members.find({Handle("subscription", period.subscription_id)})), None)
    if owner is None:
        return
    if moved.has_failed:
        yield _finding(FindingKind.REFUND_FAILED, charge, REFUND_FAILED, owner)
    if disputes - CLOSED:
        yield _finding(FindingKind.DISPUTE, charge, DISPUTED, owner)


def _finding(kind: FindingKind, charge: Charge, words: str, owner: UUID) -> Finding:
    key = _key(kind, charge)
    return Finding(kind=kind, subject=key.subject, words=words, cause=charge.id, member_id=owner)


def _key(kind: FindingKind, charge: Charge) -> FindingKey:
    return FindingKey(kind, f"charge:{charge.id}")
