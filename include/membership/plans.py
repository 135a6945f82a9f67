"""Which plan a subscription is on: over all of its items, by rank, ids before names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.events import SubscriptionItem, SubscriptionSnapshot
    from include.membership.policy import Policy

NO_PLAN = "none of the subscription's items is on a plan of membership.yaml"


class SubscriptionKind(Enum):
    """What a subscription is to us."""

    MEMBERSHIP = auto()
    OTHER = auto()  # the same account sells other things too
    UNTOLD = auto()  # its items do not say


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """What a subscription is, and of which tier; None: the tier cannot be told, and stays as it was."""

    kind: SubscriptionKind
    tier: str | None = None
    keyed_price: str | None = None  # the price that only its lookup key puts on the plan


def placement_of(subscription: SubscriptionSnapshot, policy: Policy) -> Placement:
    """Return what a subscription is to us."""
    placed = [(rank, i) for i in subscription.items if (rank := rank_of(i, policy)) is not None]
    if placed:
        rank, item = min(placed, key=lambda one: one[0])
        plan = policy.plans[rank]
        is_by_id = item.price_id in plan.prices or item.product_id in plan.products
        keyed_price = None if is_by_id else item.price_id
        return Placement(kind=SubscriptionKind.MEMBERSHIP, tier=plan.tier, keyed_price=keyed_price)
    if policy.other_subscriptions == "member":
        return Placement(kind=SubscriptionKind.MEMBERSHIP, tier=_own_word(subscription.items))
    is_told = bool(subscription.items) and not subscription.has_more_items
    if is_told and all(_says_what_it_is(item, policy) for item in subscription.items):
        return Placement(kind=SubscriptionKind.OTHER)
    return Placement(kind=SubscriptionKind.UNTOLD)


def has_lost_its_key(
    subscription: SubscriptionSnapshot, policy: Policy, *, tier: str, keyed_price: str | None
) -> bool:
    """Tell whether the price of a membership is as it was, but for its lookup key, which is another price's now."""
    is_keyed = any(plan.tier == tier and plan.lookup_keys for plan in policy.plans)
    is_the_same = any(
        item.price_id == keyed_price and item.lookup_key is None for item in subscription.items
    )
    return keyed_price is not None and is_keyed and is_the_same


def _says_what_it_is(item: SubscriptionItem, policy: Policy) -> bool:
    """Tell whether an item is surely on no plan: where one is known by its lookup keys alone, these may have moved."""
    by_key_alone = (p for p in policy.plans if p.lookup_keys and not (p.prices or p.products))
    has_lost_its_key = item.lookup_key is None and any(by_key_alone)
    return bool(item.price_id or item.product_id) and not has_lost_its_key


def rank_of(item: SubscriptionItem, policy: Policy) -> int | None:
    """Return the plan of an item, by the price's id, else the product's, else the lookup key, which may move."""
    for kind, name in (
        ("prices", item.price_id),
        ("products", item.product_id),
        ("lookup_keys", item.lookup_key),
    ):
        for number, plan in enumerate(policy.plans):
            if name is not None and name in getattr(plan, kind):
                return number
    return None


def _own_word(items: Iterable[SubscriptionItem]) -> str | None:
    """Return what the first item that says so calls its tier."""
    return next((item.tier for item in items if item.tier), None)
