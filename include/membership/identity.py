"""Whose customer is it: what names her Clerk account at Stripe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.membership.policy import METADATA

if TYPE_CHECKING:
    from include.events import Checkout, CustomerSnapshot, SubscriptionSnapshot
    from include.membership.policy import Policy

USER_PREFIX = "user_"


def account_named_by(
    thing: Checkout | SubscriptionSnapshot | CustomerSnapshot, policy: Policy
) -> str | None:
    """Return the Clerk user whom an object of Stripe's names, in the order of the policy's places."""
    for place in policy.clerk_user_id:
        if place.startswith(METADATA):
            named = thing.metadata.get(place.removeprefix(METADATA))
        else:
            named = getattr(thing, place, None)
        if named and named.startswith(USER_PREFIX):
            return named
    return None
