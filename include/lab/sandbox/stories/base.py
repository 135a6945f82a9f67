"""What every story is: something that people or the vendors' staff do, which no call of ours causes."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.lab.sandbox.clerk.state import ClerkState
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState, first_with
from include.lab.sandbox.world import World

Tier = Literal["community", "pro", "leader"]
TouchedIds = dict[str, Any]


class StoryError(Exception):
    """The story cannot be played: it names somebody or something that is not there."""


class Story(BaseModel):
    """One story; `play` changes the world and returns the ids it touched. It may have happened a while ago."""

    model_config = ConfigDict(extra="forbid")

    seconds_ago: float = Field(default=0.0, ge=0)

    def play(self, world: World) -> TouchedIds:
        """Let it happen."""
        raise NotImplementedError


def ids_of(world: World, email: str) -> TouchedIds:
    """Return what the vendors call somebody; only those who know the address are in it."""
    ids: TouchedIds = {}
    if user := world.state(ClerkState).by_email(email):
        ids["clerk_user_id"] = user["id"]
    stripe = world.state(StripeState)
    if customer := first_with(stripe.newest_first("customer"), email=email):
        ids["stripe_customer_id"] = customer["id"]
        if subscriptions := stripe.of_customer("subscription", customer["id"]):
            ids["stripe_subscription_id"] = subscriptions[-1]["id"]
    return ids


def ids_in(subscription: Object) -> TouchedIds:
    """Return what Stripe calls a subscription and its customer."""
    return {
        "stripe_customer_id": subscription["customer"],
        "stripe_subscription_id": subscription["id"],
    }


def subscription_of(world: World, email: str | None, subscription_id: str | None = None) -> Object:
    """Return a subscription by its id, else somebody's newest one, or raise StoryError."""
    wanted = subscription_id or ids_of(world, email or "").get("stripe_subscription_id")
    if wanted is None:
        raise StoryError("Stripe knows no subscription of that address")
    return world.state(StripeState).get("subscription", wanted)
