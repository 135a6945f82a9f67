"""Charges that were paid back: Stripe says which period of which subscription they had paid for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from include.errors import VendorError
from include.events import Invoice, RefundedCharge
from include.store.refunds import Refund

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.clients.stripe import Stripe
    from include.jobs.mailchimp_sync.chunk import Arrived
    from include.store import Store

log = structlog.get_logger(__name__)


def note_refunds(
    arrived: Iterable[Arrived], *, store: Store, stripe: Stripe
) -> tuple[list[Arrived], dict[int, VendorError]]:
    """Write down the periods that were paid back in full.

    Returns the rows, in which a refund now names its subscription as an invoice does, and apart from them
    those that Stripe does not answer about. A refund of a part, or of something else than a membership,
    stays as it is: it is about no subscription.
    """
    rows: list[Arrived] = []
    unanswered: dict[int, VendorError] = {}
    for row in arrived:
        charge = row.event.subject
        if isinstance(charge, RefundedCharge) and charge.is_full:
            try:
                rows.append(_named(row, charge, store=store, stripe=stripe))
            except VendorError as error:
                unanswered[row.inbox_id] = error
        else:
            rows.append(row)
    return rows, unanswered


def _named(row: Arrived, charge: RefundedCharge, *, store: Store, stripe: Stripe) -> Arrived:
    period = stripe.find_paid_period(charge)
    if period is None:
        return row
    refund = Refund(
        subscription_id=period.subscription_id,
        paid_until=period.paid_until,
        refunded_at=row.event.occurred_at,
    )
    store.refunds.save(refund)
    log.info("refund.noted", inbox_id=row.inbox_id, subscription_id=refund.subscription_id)
    subject = Invoice(customer_id=charge.customer_id, subscription_id=period.subscription_id)
    return row._replace(event=replace(row.event, subject=subject))
