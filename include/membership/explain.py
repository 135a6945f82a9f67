"""In words: why a subscription is a membership or not, and what another policy would make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.membership.plans import NO_PLAN, SubscriptionKind, placement_of, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.events import SubscriptionItem, SubscriptionSnapshot
    from include.membership.policy import Policy


def reasons(subscription: SubscriptionSnapshot, policy: Policy) -> Iterator[str]:
    """Yield the rules that a subscription meets, one line each, in the order in which they are looked at."""
    yield f"Stripe calls it {subscription.status}"
    for item in subscription.items:
        yield f"{_name(item)}: {_plan_in_words(item, policy)}"
    placement = placement_of(subscription, policy)
    if placement.kind is SubscriptionKind.OTHER:
        yield f"so it is no membership: {NO_PLAN}"
    elif placement.kind is SubscriptionKind.UNTOLD:
        yield "so nobody can tell what it is: what was a membership stays one, of the tier that it had"
    elif subscription.was_never_paid:
        yield "nothing of it was ever paid or on trial, so it makes nobody a member"
    else:
        yield f"so it is a membership of the tier {placement.tier or 'that it had'}"
        yield from _about_time(subscription, policy)


def _about_time(subscription: SubscriptionSnapshot, policy: Policy) -> Iterator[str]:
    if subscription.started_at is not None:
        days = policy.welcome.within.days
        yield f"it began {subscription.started_at:%Y-%m-%d}; who began longer than {days} days ago is not welcomed"
    if subscription.unpaid_since is not None:
        until = subscription.unpaid_since + policy.access.past_due.for_
        yield f"a payment is owed since {subscription.unpaid_since:%Y-%m-%d}; all stays until {until:%Y-%m-%d}"
    if subscription.is_collection_paused:
        what = "no access" if policy.access.paused == "none" else "all stays"
        yield f"collecting for it is paused: {what} (access.paused)"
    if subscription.is_fixed_term:
        yield "its end was agreed when it began: nobody has asked to leave"
    elif subscription.cancel_at_period_end or subscription.cancel_at is not None:
        yield "somebody has asked to end it"


def _name(item: SubscriptionItem) -> str:
    found = (item.price_id, item.product_id, item.lookup_key and f"lookup key {item.lookup_key}")
    return "item " + (", ".join(filter(None, found)) or "that does not say what it is")


def _plan_in_words(item: SubscriptionItem, policy: Policy) -> str:
    rank = rank_of(item, policy)
    return (
        "on no plan" if rank is None else f"on the plan {policy.plans[rank].tier} (rank {rank + 1})"
    )
