"""A member joins, changes, cancels, leaves: whatever her address alone names."""

from typing import Any, Literal

from pydantic import Field

from include.lab.sandbox.clerk.state import ClerkState
from include.lab.sandbox.mailchimp.contacts import Quirk
from include.lab.sandbox.mailchimp.state import MailchimpState
from include.lab.sandbox.slack.people import ROLES, Role, WorkspaceUser
from include.lab.sandbox.slack.state import SlackState
from include.lab.sandbox.stories.base import (
    Story,
    StoryError,
    Tier,
    TouchedIds,
    ids_in,
    ids_of,
    subscription_of,
)
from include.lab.sandbox.stripe import billing, checkout, customers, payments
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.world import World


class NewMember(Story):
    """Somebody joins: pays in Stripe and signs up in Clerk, in either order."""

    story: Literal["new_member"]
    email: str
    first_name: str
    last_name: str
    tier: Tier = "pro"
    via: Literal["stripe_first", "clerk_first"] = "clerk_first"

    def play(self, world: World) -> TouchedIds:
        """Sign up and pay; the session names the Clerk user where there is one already."""
        if self.via == "clerk_first":
            user = self._sign_up(world)
            return {**self._pay(world, user["id"]), "clerk_user_id": user["id"]}
        paid = self._pay(world, None)
        return {**paid, "clerk_user_id": self._sign_up(world)["id"]}

    def _sign_up(self, world: World) -> Object:
        return world.state(ClerkState).create(self.email, self.first_name, self.last_name)

    def _pay(self, world: World, clerk_user_id: str | None) -> TouchedIds:
        stripe = world.state(StripeState)
        price = stripe.price_of_tier(self.tier)
        wish: dict[str, Any] = {"mode": "subscription", "line_items": [{"price": price["id"]}]}
        if clerk_user_id is not None:
            wish["client_reference_id"] = clerk_user_id
        session = checkout.create(stripe, wish)
        name = f"{self.first_name} {self.last_name}"
        checkout.complete(stripe, session, email=self.email, name=name)
        return {
            "stripe_customer_id": session["customer"],
            "stripe_subscription_id": session["subscription"],
            "checkout_session_id": session["id"],
        }


class CompleteCheckout(Story):
    """Somebody pays for a checkout session that was opened over the API."""

    story: Literal["complete_checkout"]
    session: str
    email: str | None = None
    name: str | None = None

    def play(self, world: World) -> TouchedIds:
        """Complete the session."""
        stripe = world.state(StripeState)
        session = stripe.get("checkout.session", self.session)
        checkout.complete(stripe, session, email=self.email, name=self.name)
        return {
            "stripe_customer_id": session["customer"],
            "stripe_subscription_id": session["subscription"],
        }


class UpdateMember(Story):
    """A member changes name, address or tier; each vendor tells what it knows of it."""

    story: Literal["update_member"]
    email: str
    first_name: str | None = None
    last_name: str | None = None
    new_email: str | None = None
    tier: Tier | None = None

    def play(self, world: World) -> TouchedIds:
        """Change it at Clerk, at the Stripe customer, and at the subscription."""
        ids = ids_of(world, self.email)
        if "clerk_user_id" in ids:
            self._change_user(world, ids["clerk_user_id"])
        if "stripe_customer_id" in ids:
            self._change_customer(world, ids["stripe_customer_id"])
        if self.tier is not None:
            stripe = world.state(StripeState)
            price = stripe.price_of_tier(self.tier)
            subscription = stripe.get("subscription", str(ids.get("stripe_subscription_id")))
            billing.change_price(stripe, subscription, price)
        return ids

    def _change_user(self, world: World, user_id: str) -> None:
        clerk = world.state(ClerkState)
        names = {"first_name": self.first_name, "last_name": self.last_name}
        if changes := {name: value for name, value in names.items() if value is not None}:
            clerk.update(user_id, changes)
        if self.new_email is not None:
            clerk.change_email(user_id, self.new_email)

    def _change_customer(self, world: World, customer_id: str) -> None:
        stripe = world.state(StripeState)
        customer = stripe.get("customer", customer_id)
        old_first, _, old_last = str(customer["name"] or "").partition(" ")
        form = {"name": f"{self.first_name or old_first} {self.last_name or old_last}".strip()}
        if self.new_email is not None:
            form["email"] = self.new_email
        customers.update(stripe, customer, form)


class Cancel(Story):
    """A member cancels for later: for the end of her period, or for a moment `in_seconds`.

    With `in_seconds` her period ends then, as if she had paid that much earlier.
    """

    story: Literal["cancel_at_period_end", "cancel_at"]
    email: str | None = None
    subscription: str | None = None
    in_seconds: int | None = Field(default=None, ge=0)

    def play(self, world: World) -> TouchedIds:
        """Plan the end of the subscription, or of the newest one of the address."""
        stripe = world.state(StripeState)
        subscription = subscription_of(world, self.email, self.subscription)
        end = None if self.in_seconds is None else stripe.now() + self.in_seconds
        if self.story == "cancel_at":
            if end is None:
                raise StoryError("say in_seconds")
            billing.cancel_at(stripe, subscription, end)
            return ids_in(subscription)
        if end is not None:
            billing.shorten_period(subscription, end)
        billing.cancel_at_period_end(stripe, subscription)
        return ids_in(subscription)


class MembershipStory(Story):
    """Something happens to a member's subscription."""

    story: Literal[
        "resume",
        "cancel_now",
        "pause",
        "renew",
        "payment_failed",
        "payment_recovered",
        "payment_given_up",
        "payment_left_open",
        "pause_collection",
        "resume_collection",
        "refund",
    ]
    email: str | None = None
    subscription: str | None = None

    def play(self, world: World) -> TouchedIds:
        """Let it happen to the subscription, or to the newest one of the address."""
        stripe = world.state(StripeState)
        subscription = subscription_of(world, self.email, self.subscription)
        happen = {
            "resume": billing.resume if subscription["status"] == "paused" else billing.keep,
            "cancel_now": billing.cancel,
            "pause": billing.pause,
            "renew": billing.renew,
            "payment_failed": billing.fail_payment,
            "payment_recovered": billing.recover_payment,
            "payment_given_up": billing.give_up_payment,
            "payment_left_open": billing.leave_unpaid,
            "pause_collection": billing.pause_collection,
            "resume_collection": billing.resume_collection,
            "refund": _refund,
        }
        happen[self.story](stripe, subscription)
        return ids_in(subscription)


class DeleteUser(Story):
    """A member deletes her account at Clerk."""

    story: Literal["delete_user"]
    email: str

    def play(self, world: World) -> TouchedIds:
        """Delete the Clerk user."""
        ids = ids_of(world, self.email)
        if "clerk_user_id" not in ids:
            raise StoryError("Clerk knows nobody of that address")
        world.state(ClerkState).delete(ids["clerk_user_id"])
        return ids


class DeleteCustomer(Story):
    """Somebody deletes the customer in Stripe's dashboard."""

    story: Literal["delete_customer"]
    email: str | None = None
    customer: str | None = None

    def play(self, world: World) -> TouchedIds:
        """Delete the Stripe customer, or the newest one of the address; the subscriptions end."""
        ids = ids_of(world, self.email) if self.email else {"stripe_customer_id": self.customer}
        stripe = world.state(StripeState)
        customers.delete(stripe, stripe.get("customer", str(ids.get("stripe_customer_id"))))
        return ids


class MailchimpAddress(Story):
    """Something happens to an address that no API call can cause: a bounce, an erasure."""

    story: Literal["mailchimp_address"]
    email: str
    becomes: Quirk

    def play(self, world: World) -> TouchedIds:
        """Bring the address into that state."""
        mailchimp = world.state(MailchimpState)
        mailchimp.contacts.put_into(self.email, self.becomes, mailchimp.now())
        return {}


class SlackPerson(Story):
    """Somebody comes into the Slack workspace, leaves it, or gets another role or address there."""

    story: Literal["slack_person"]
    email: str
    joins: str | None = None
    becomes: Role | Literal["deactivated", "reactivated"] | None = None
    new_email: str | None = None

    def play(self, world: World) -> TouchedIds:
        """Let it happen; `joins` is her name."""
        slack = world.state(SlackState)
        if self.joins is not None:
            role = self.becomes if self.becomes in ROLES else "member"
            person = slack.people.add(
                real_name=self.joins, role=role, now=slack.now(), email=self.email
            )
            slack.join(person)
            return {"slack_user_id": person.id}
        found = slack.people.by_email(self.email)
        if found is None:
            raise StoryError("Slack knows nobody of that address")
        self._change(slack, found)
        return {"slack_user_id": found.id}

    def _change(self, slack: SlackState, person: WorkspaceUser) -> None:
        if self.becomes == "deactivated":
            slack.deactivate(person)
        elif self.becomes == "reactivated":
            person.is_deactivated = False
            slack.join(person)
        elif self.becomes is not None:
            person.role = self.becomes
        if self.new_email is not None:
            slack.people.change_email(person, self.new_email)


def _refund(stripe: StripeState, subscription: Object) -> Object:
    return payments.refund(stripe, payments.paid_invoice(stripe, subscription))
