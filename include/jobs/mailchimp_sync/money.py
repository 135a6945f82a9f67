"""Money that was paid back or is disputed: Stripe says which period of which subscription it had paid for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from include.errors import PayloadError, UnreadableError, VendorError
from include.events import Invoice, MoneyMoved
from include.jobs.mailchimp_sync.names import JOB
from include.membership.ends import Refund
from include.membership.members import ExternalId
from include.notify.findings import OVER, note_findings
from include.store.findings import Finding, FindingKey, FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from include.events.stripe_objects import Charge, PaidPeriod
    from include.jobs.mailchimp_sync.collect import Arrived
    from include.membership.policy import Policy
    from include.store import Store
    from include.vendors.stripe.client import Stripe

CLOSED = frozenset({"won", "lost", "warning_closed", "prevented"})  # disputes that are decided
LOST = "lost"
REFUND_FAILED = (
    "a refund of a member's payment has failed: the money is still here, and her membership stays"
)
DISPUTED = (
    "a member disputes a payment at her bank; her membership stays until the bank has decided"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentNews:
    """What Stripe said of a member's payment that an event is about."""

    moved: MoneyMoved
    charge: Charge
    period: PaidPeriod
    disputes: frozenset[str]


def note_refunds(
    arrived: Iterable[Arrived],
    *,
    store: Store,
    stripe: Stripe,
    policy: Policy,
) -> tuple[list[Arrived], list[PaymentNews], dict[int, VendorError]]:
    """Write down what was paid back of subscriptions' periods.

    Returns the rows, in which a refund or a dispute now names its subscription as an invoice does, what there may be
    to tell of the payments when their members are known, and the rows that Stripe does not answer about. Money for
    something else stays as it is: about no subscription.
    """
    rows: list[Arrived] = []
    news: list[PaymentNews] = []
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
        log.info("money.noted", inbox_id=row.inbox_id, subscription_id=period.subscription_id)
        news.append(PaymentNews(moved=moved, charge=charge, period=period, disputes=disputes))
        subject = Invoice(
            customer_id=charge.customer_id,
            subscription_id=period.subscription_id,
            is_paid_back=True,
        )
        rows.append(row._replace(event=replace(row.event, subject=subject)))
    return rows, news, unanswered


def tell_of_payments(
    news: Iterable[PaymentNews], *, store: Store, dag_run_id: str, now: datetime
) -> None:
    """Tell a person of disputes and of refunds that failed, once the members of the run are known."""
    for one in news:
        with store.transaction():
            note_findings(
                _found(one, store),
                checked=_checked(one.charge),
                job=JOB,
                store=store,
                now=now,
                dag_run_id=dag_run_id,
                over=_decided(one.disputes),
            )


def _decided(disputes: frozenset[str]) -> str:
    """Say what has become of a payment's disputes."""
    return f"the bank has decided: {', '.join(sorted(disputes))}" if disputes else OVER


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


def _found(one: PaymentNews, store: Store) -> Iterator[Finding]:
    """Yield what a person has to know about a member's payment."""
    external_id = ExternalId("subscription", one.period.subscription_id)
    owner = next(iter(store.members.find({external_id})), None)
    if owner is None:
        return
    if one.moved.has_failed:
        yield _finding(FindingKind.REFUND_FAILED, one.charge, REFUND_FAILED, owner)
    if one.disputes - CLOSED:
        yield _finding(FindingKind.DISPUTE, one.charge, DISPUTED, owner)


def _checked(charge: Charge) -> list[FindingKey]:
    """Return what can be told of a payment now: once all of it is back with her, no refund has failed."""
    kinds = [FindingKind.DISPUTE, *([FindingKind.REFUND_FAILED] if charge.is_full else [])]
    return [_key(kind, charge) for kind in kinds]


def _finding(kind: FindingKind, charge: Charge, words: str, owner: UUID) -> Finding:
    key = _key(kind, charge)
    return Finding(kind=kind, subject=key.subject, words=words, cause=charge.id, member_id=owner)


def _key(kind: FindingKind, charge: Charge) -> FindingKey:
    return FindingKey(kind, f"charge:{charge.id}")
