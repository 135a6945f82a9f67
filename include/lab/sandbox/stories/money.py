"""What happens in a Stripe account that sells more than memberships: prices, subscriptions, money back."""

from typing import Any, Literal

from pydantic import Field

from include.lab.sandbox.stories.base import Story, TouchedIds, ids_in, subscription_of
from include.lab.sandbox.stripe import billing, catalogue, checkout, customers, objects, payments
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.world import World

DAY_SECONDS = 86_400


class SwitchEndpoint(Story):
    """Stripe disables the endpoints that our webhooks go to, as after days of failures, or somebody enables them."""

    story: Literal["switch_endpoint"]
    becomes: Literal["enabled", "disabled"]

    def play(self, world: World) -> TouchedIds:
        """Switch all there are."""
        stripe = world.state(StripeState)
        for endpoint in stripe.kinds["webhook_endpoint"].values():
            endpoint["status"] = self.becomes
            stripe.endpoints_changed[endpoint["id"]] = stripe.now()
        return {}


class ListPrice(Story):
    """The shop lists a price, and its product if it is new. A lookup key is taken from who had it."""

    story: Literal["list_price"]
    price: str
    product: str
    cents: int = Field(ge=0)
    interval: Literal["month", "year"] = "month"
    lookup_key: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    product_metadata: dict[str, str] = Field(default_factory=dict)

    def play(self, world: World) -> TouchedIds:
        """List both."""
        stripe = world.state(StripeState)
        product = catalogue.list_product(stripe, self.product, self.product_metadata)
        catalogue.list_price(
            stripe,
            self.price,
            product,
            self.cents,
            lookup_key=self.lookup_key,
            metadata=self.metadata,
            recurring=objects.recurring(self.interval),
        )
        return {"price": self.price, "product": self.product}


class Subscribe(Story):
    """Somebody subscribes to prices: as a new customer, or as one there is.

    Her account may be named in the checkout session, or in the metadata of session, subscription or customer.
    A declined card leaves the subscription `incomplete`; that is only seen without a checkout session.
    """

    story: Literal["subscribe"]
    prices: list[str] = Field(min_length=1)
    email: str | None = None
    name: str | None = None
    customer: str | None = None
    clerk_user_id: str | None = None
    named_in: Literal["client_reference_id", "session", "subscription", "customer"] = (
        "client_reference_id"
    )
    by_checkout: bool = True
    is_declined: bool = False
    trial_days: int | None = Field(default=None, ge=1)
    ends_after_days: int | None = Field(default=None, ge=1)
    in_test_mode: bool = False

    def play(self, world: World) -> TouchedIds:
        """Subscribe; without a trial, a term or a declined card a checkout session leads there."""
        account = world.state(StripeState)
        stripe = account.test_mode if self.in_test_mode else account
        is_plain = not (self.is_declined or self.trial_days or self.ends_after_days)
        if self.by_checkout and is_plain:
            return self._check_out(stripe)
        return ids_in(self._start(stripe))

    def _named(self, where: str) -> dict[str, str]:
        is_here = self.clerk_user_id is not None and self.named_in == where
        return {"clerk_user_id": str(self.clerk_user_id)} if is_here else {}

    def _customer(self, stripe: StripeState) -> Object:
        if self.customer is not None:
            return stripe.get("customer", self.customer)
        wish = {"email": self.email, "name": self.name, "metadata": self._named("customer")}
        return customers.create(stripe, wish)

    def _check_out(self, stripe: StripeState) -> TouchedIds:
        wish: dict[str, Any] = {
            "mode": "subscription",
            "line_items": [{"price": price} for price in self.prices],
            "metadata": self._named("session"),
            "subscription_data": {"metadata": self._named("subscription")},
            "customer": self._customer(stripe)["id"],
        }
        if self.named_in == "client_reference_id" and self.clerk_user_id is not None:
            wish["client_reference_id"] = self.clerk_user_id
        session = checkout.complete(stripe, checkout.create(stripe, wish))
        return {
            "stripe_customer_id": session["customer"],
            "stripe_subscription_id": session["subscription"],
            "checkout_session_id": session["id"],
        }

    def _start(self, stripe: StripeState) -> Object:
        customer, now = self._customer(stripe), stripe.now()
        if self.is_declined:
            stripe.declining.add(customer["id"])
        return billing.start(
            stripe,
            customer,
            [stripe.named("price", price, "items[0][price]") for price in self.prices],
            trial_end=now + self.trial_days * DAY_SECONDS if self.trial_days else None,
            cancel_at=now + self.ends_after_days * DAY_SECONDS if self.ends_after_days else None,
            metadata=self._named("subscription"),
        )


class Upgrade(Story):
    """A subscription moves to other prices, and the difference is invoiced."""

    story: Literal["upgrade"]
    subscription: str
    prices: list[str] = Field(min_length=1)

    def play(self, world: World) -> TouchedIds:
        """Move it."""
        stripe = world.state(StripeState)
        subscription = stripe.get("subscription", self.subscription)
        prices = [stripe.named("price", price, "items[0][price]") for price in self.prices]
        billing.upgrade(stripe, subscription, prices)
        return ids_in(subscription)


class Card(Story):
    """A customer's card is declined from now on, or works again."""

    story: Literal["card"]
    customer: str
    works: bool

    def play(self, world: World) -> TouchedIds:
        """Note it; it is seen when money is next collected."""
        stripe = world.state(StripeState)
        stripe.get("customer", self.customer)
        (stripe.declining.discard if self.works else stripe.declining.add)(self.customer)
        return {"stripe_customer_id": self.customer}


class ChangeCustomer(Story):
    """A customer gets another name or address, in the dashboard or in Stripe's own portal."""

    story: Literal["change_customer"]
    customer: str
    email: str | None = None
    name: str | None = None

    def play(self, world: World) -> TouchedIds:
        """Change it."""
        stripe = world.state(StripeState)
        wish = {n: v for n, v in (("email", self.email), ("name", self.name)) if v is not None}
        customers.update(stripe, stripe.get("customer", self.customer), wish)
        return {"stripe_customer_id": self.customer}


class MoneyStory(Story):
    """Something happens to the money of an invoice: the one named, else the newest paid one."""

    subscription: str
    invoice: str | None = None

    def paid(self, stripe: StripeState) -> Object:
        """Return the invoice."""
        if self.invoice is not None:
            return stripe.get("invoice", self.invoice)
        subscription = stripe.get("subscription", self.subscription)
        return payments.paid_invoice(stripe, subscription)


class RefundStory(MoneyStory):
    """Money is paid back: all of an invoice that is left, or so many cents."""

    story: Literal["refund_invoice"]
    cents: int | None = Field(default=None, ge=1)

    def play(self, world: World) -> TouchedIds:
        """Pay it back."""
        stripe = world.state(StripeState)
        charge = payments.refund(stripe, self.paid(stripe), self.cents)
        return {"charge": charge["id"], "stripe_subscription_id": self.subscription}


class RefundTakenBack(MoneyStory):
    """The newest refund of an invoice fails at her bank, or is cancelled."""

    story: Literal["refund_taken_back"]
    becomes: Literal["failed", "canceled"]

    def play(self, world: World) -> TouchedIds:
        """Take it back."""
        stripe = world.state(StripeState)
        charge = payments.take_refund_back(stripe, self.paid(stripe), self.becomes)
        return {"charge": charge["id"], "stripe_subscription_id": self.subscription}


class Dispute(MoneyStory):
    """She disputes a payment at her bank, or the bank decides."""

    story: Literal["dispute"]
    becomes: Literal["created", "won", "lost"] = "created"

    def play(self, world: World) -> TouchedIds:
        """Open it, or close it."""
        stripe = world.state(StripeState)
        invoice = self.paid(stripe)
        if self.becomes == "created":
            made = payments.dispute(stripe, invoice)
        else:
            made = payments.close_dispute(stripe, invoice, self.becomes)
        return {"dispute": made["id"], "stripe_subscription_id": self.subscription}


class CancelNow(Story):
    """A subscription ends at once, and the rest of the period is paid back, or all of it, or nothing."""

    story: Literal["cancel_and_refund"]
    subscription: str
    refund: Literal["none", "prorated", "full"] = "none"

    def play(self, world: World) -> TouchedIds:
        """End it, then pay back."""
        stripe = world.state(StripeState)
        subscription = subscription_of(world, None, self.subscription)
        billing.cancel(stripe, subscription)
        if self.refund != "none":
            invoice = payments.paid_invoice(stripe, subscription)
            share = 1.0 if self.refund == "full" else _share_left(subscription, stripe.now())
            cents = round(invoice["amount_paid"] * share)
            payments.refund(stripe, invoice, max(cents, 1) if self.refund == "prorated" else None)
        return ids_in(subscription)


def _share_left(subscription: Object, now: int) -> float:
    item = subscription["items"]["data"][0]
    start, end = item["current_period_start"], item["current_period_end"]
    return float(max(end - now, 0) / (end - start))
