"""Stripe's objects by id, the events about them, and what idempotency keys answered."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from include.lab.sandbox.outbox import OutboxEvent
from include.lab.sandbox.stripe import accounts, errors, objects, shapes, thin
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.vendor import Surroundings
from include.lab.sandbox.wire import Answer

TIERS = {"community": 1000, "pro": 3000, "leader": 6000}
"""The default price list: cents a month by tier."""

Saved = tuple[tuple[str, bytes], Answer]


class StripeState:
    """One test account. Objects are kept in the newest shape and rendered on their way out."""

    def __init__(self, around: Surroundings, *, is_test_mode: bool = False) -> None:
        """Start with the price list and nobody; in test mode nothing is real, whatever the switch says."""
        self.around = around
        self._is_test_mode = is_test_mode
        self._test_mode: StripeState | None = None
        self.kinds: dict[str, dict[str, Object]] = defaultdict(dict)
        self.saved: dict[str, Saved] = {}
        self.session_prices: dict[str, list[str]] = {}
        self.session_metadata: dict[str, dict[str, str]] = {}  # of the subscription to be
        self.deleted_customers: set[str] = set()
        self.declining: set[str] = set()  # customers whose card is declined
        self._of_customer: dict[tuple[str, str], list[Object]] = defaultdict(list)
        for tier, cents in TIERS.items():
            self._list_tier(tier, cents)
        self.endpoints_changed: dict[str, int] = {}  # when, by id
        self._relay_url = f"{around.settings.relay_url.rstrip('/')}/webhooks/stripe"
        self.add(objects.webhook_endpoint(self._relay_url, self.now()))

    def _list_tier(self, tier: str, cents: int) -> None:
        product_id, price_id = f"prod_{tier}", f"price_{tier}_month"
        name, metadata = f"{tier.title()} membership", {"tier": tier}
        named: Object = {"lookup_key": tier, "metadata": metadata}
        self.add(objects.price(price_id, product_id, cents, self.now(), **named))
        self.add(objects.product(product_id, name, price_id, metadata, self.now()))

    @property
    def livemode(self) -> bool:
        """Is the money in this account real."""
        return self.around.switches.stripe_livemode and not self._is_test_mode

    @property
    def test_mode(self) -> "StripeState":
        """Return the test mode of this account: a world of its own, whose events come to the same places."""
        if self._test_mode is None:
            self._test_mode = StripeState(self.around, is_test_mode=True)
        return self._test_mode

    def declines(self, customer_id: str) -> bool:
        """Is the card of a customer declined."""
        return customer_id in self.declining

    def now(self) -> int:
        """Return the present moment in whole seconds."""
        return self.around.clock.seconds()

    def add(self, document: Object) -> Object:
        """Keep a new object without telling anybody."""
        self.kinds[document["object"]][document["id"]] = document
        if isinstance(owner := document.get("customer"), str):
            self._of_customer[document["object"], owner].append(document)
        return document

    def get(self, kind: str, object_id: str, param: str = "id") -> Object:
        """Return an object, or refuse with 404."""
        found = self.kinds[kind].get(object_id)
        if found is None:
            raise errors.no_such(kind.replace(".", " "), object_id, param)
        return found

    def named(self, kind: str, object_id: str, param: str) -> Object:
        """Return an object that a parameter names, or refuse with 400."""
        found = self.kinds[kind].get(object_id)
        if found is None:
            raise errors.no_such_reference(kind.replace(".", " "), object_id, param)
        return found

    def of_customer(self, kind: str, customer_id: str) -> list[Object]:
        """Return a customer's objects of a kind, oldest first."""
        return self._of_customer.get((kind, customer_id), [])

    def newest_first(self, kind: str) -> list[Object]:
        """Return all objects of a kind as Stripe lists them."""
        return list(reversed(self.kinds[kind].values()))

    def price_of(self, price_id: str) -> Object:
        """Return a price of the list."""
        return self.kinds["price"][price_id]

    def price_of_tier(self, tier: str) -> Object:
        """Return the price of a tier, or refuse."""
        return self.named("price", f"price_{tier}_month", "tier")

    def rendered(self, document: Object, shape: str | None = None) -> Object:
        """Return an object in a shape; without one in the account's."""
        wanted = shape or self.around.switches.stripe_shape
        shown = shapes.render(document, wanted, self.price_of)
        if self.around.switches.stripe_accounts:
            shown = accounts.paid_by_accounts(shown)
        return real(shown) if self.livemode else shown

    def tell(self, kind: str, document: Object, previous: Mapping[str, Any] | None = None) -> None:
        """Make the event of a change, in the account's shape, with the object as it is now; and the thin one."""
        if self.around.switches.stripe_accounts and document["object"] == "customer":
            event_id = objects.new_id("evt")
            self._put(accounts.event(kind, document, self.now(), event_id, livemode=self.livemode))
            return
        shape = self.around.switches.stripe_shape
        data: Object = {"object": self.rendered(document)}
        if previous is not None:
            data["previous_attributes"] = self.rendered(dict(previous))
        event = {
            "id": objects.new_id("evt"),
            "object": "event",
            "api_version": shape,
            "created": self.now(),
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        payload, is_sent = self.around.switches.stripe_payload, self._sends(kind)
        self._put(event, is_wanted=is_sent and payload != "thin")
        if payload != "snapshot":
            told = thin.event(kind, document, self.now(), livemode=self.livemode)
            self._put(told, is_wanted=is_sent)

    def _sends(self, kind: str) -> bool:
        """Tell whether an endpoint that is on, and leads to the relay, gets events of this type."""
        return any(
            one["url"] == self._relay_url
            and one["status"] == "enabled"
            and ("*" in one["enabled_events"] or kind in one["enabled_events"])
            for one in self.kinds["webhook_endpoint"].values()
        )

    def _put(self, event: Object, *, is_wanted: bool = True) -> None:
        self.around.outbox.add(
            OutboxEvent(
                id=str(event["id"]),
                vendor="stripe",
                type=str(event["type"]),
                created=self.now(),
                payload=orjson.dumps(event),
                is_wanted=is_wanted,
            )
        )

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return all objects by kind; or those of one id, customer or e-mail address."""
        return {
            kind: [item for item in kept.values() if wanted is None or self._is_of(item, wanted)]
            for kind, kept in self.kinds.items()
        }

    def _is_of(self, document: Object, wanted: str) -> bool:
        owner = self.kinds["customer"].get(str(document.get("customer")), {})
        return wanted in (
            document["id"],
            document.get("customer"),
            document.get("email"),
            owner.get("email"),
        )


def real(value: Any) -> Any:
    """Return an object and all that is in it as a live account shows it."""
    if isinstance(value, list):
        return [real(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: True if name == "livemode" else real(item) for name, item in value.items()}


def changed(document: Object, changes: Mapping[str, Any]) -> Object:
    """Apply changes to an object and return what the changed fields were before."""
    before = {name: document[name] for name, value in changes.items() if document[name] != value}
    document.update(changes)
    return before


def first_with(documents: Iterable[Object], **wanted: object) -> Object | None:
    """Return the first object whose fields are these, or None."""
    return next(
        (d for d in documents if all(d.get(name) == value for name, value in wanted.items())), None
    )
