"""Prices that no plan of the policy names and many pay: a person is told, for it may be a plan that was forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.jobs.reconciliation.steps import JOB
from include.membership.plans import SubscriptionKind, placement_of
from include.membership.standing import STANDINGS, Standing
from include.notify.findings import note_findings
from include.store.findings import Finding, FindingKey, FindingKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from include.events import SubscriptionSnapshot
    from include.membership.policy import Policy
    from include.store import Store

MANY = 10


def unnamed_prices(subscription: SubscriptionSnapshot, policy: Policy) -> set[str]:
    """Return the prices of a living subscription that is on no plan."""
    is_living = STANDINGS[subscription.status] >= Standing.PAST_DUE
    if not is_living or placement_of(subscription, policy).kind is not SubscriptionKind.OTHER:
        return set()
    return {item.price_id for item in subscription.items if item.price_id}


def tell_of_unnamed(
    payers: Mapping[str, int], *, dag_run_id: str, store: Store, now: datetime
) -> None:
    """Keep a finding for each price with many payers; end those that have few by now, or a plan."""
    kind = FindingKind.UNKNOWN_PRICE
    words = "{} living subscriptions have {}, which no plan of membership.yaml names"
    found = [
        Finding(kind=kind, subject=f"price:{price}", words=words.format(count, price))
        for price, count in payers.items()
        if count >= MANY
    ]
    known = [FindingKey(kind, one.subject) for one in store.findings.read() if one.kind is kind]
    with store.transaction():
        note_findings(found, checked=known, job=JOB, store=store, now=now, dag_run_id=dag_run_id)
