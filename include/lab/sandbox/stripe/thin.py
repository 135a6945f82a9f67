"""Thin events, and the operations under `/v2/core` that are about them.

Nobody's description here has them: a test holds them to the classes of Stripe's own package.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from include.lab.sandbox.outbox import Event
from include.lab.sandbox.stripe import errors, objects
from include.lab.sandbox.stripe.form import parse
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.wire import Answer, Call, Routes, json_answer

if TYPE_CHECKING:
    from include.lab.sandbox.stripe.state import StripeState

OBJECT = "v2.core.event"
PLACES = {
    "charge": "/v1/charges",
    "checkout.session": "/v1/checkout/sessions",
    "customer": "/v1/customers",
    "dispute": "/v1/disputes",
    "invoice": "/v1/invoices",
    "price": "/v1/prices",
    "product": "/v1/products",
    "refund": "/v1/refunds",
    "subscription": "/v1/subscriptions",
}
PAGE = 20


def event(kind: str, document: Object, now: int, *, livemode: bool) -> Object:
    """Return the thin event of a change: it names the object and says nothing of it."""
    thing, object_id = str(document["object"]), str(document["id"])
    return {
        "id": objects.new_id("evt"),
        "object": OBJECT,
        "type": f"v1.{kind}",
        "created": iso(now),
        "livemode": livemode,
        "context": None,
        "reason": None,
        "related_object": {"id": object_id, "type": thing, "url": f"{PLACES[thing]}/{object_id}"},
    }


def iso(seconds: int) -> str:
    """Write a time as Stripe's v2 does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def is_thin(event: Event) -> bool:
    """Is this one of Stripe's thin events."""
    return event.vendor == "stripe" and event.type.startswith(("v1.", "v2."))


def thin_routes(routes: Routes) -> None:
    """Register them."""

    @routes.on("GET", "/v2/core/events")
    def list_events(state: "StripeState", call: Call) -> Answer:
        form = parse(call.query_string)
        types, created = form.get("types"), form.get("created") or {}
        found = [
            orjson.loads(one.payload)
            for one in reversed(list(state.around.outbox))
            if is_thin(one)
            and (types is None or one.type in types)
            and iso(one.created) >= created.get("gte", "")
            and iso(one.created) <= created.get("lte", "9")
        ]
        begin, limit = int(form.get("page") or 0), int(form.get("limit") or PAGE)
        return json_answer(paged("/v2/core/events", found, begin, limit))

    @routes.on("GET", "/v2/core/events/{event_id}")
    def get_event(state: "StripeState", _call: Call, event_id: str) -> Answer:
        one = state.around.outbox.get(event_id)
        if one is None or not is_thin(one):
            raise errors.no_such("event", event_id)
        return Answer(200, one.payload, "application/json")


def paged(path: str, found: list[Object], begin: int, limit: int) -> Object:
    """Return one page as Stripe's v2 has it: with the URL of the next one, or null."""
    end = begin + limit
    more = f"{path}?page={end}&limit={limit}" if end < len(found) else None
    return {"data": found[begin:end], "next_page_url": more, "previous_page_url": None}
