"""Thin events, and the operations under `/v2/core` that are about them.

Nobody's description here has them: a test holds them to the classes of Stripe's own package.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from include.lab.sandbox.outbox import OutboxEvent
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
PAYLOADS = {"snapshot": ("snapshot",), "thin": ("thin",), "both": ("snapshot", "thin")}


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


def is_thin(event: OutboxEvent) -> bool:
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

    @routes.on("GET", "/v2/core/event_destinations")
    def list_destinations(state: "StripeState", call: Call) -> Answer:
        form = parse(call.query_string)
        is_url_wanted = "webhook_endpoint.url" in (form.get("include") or [])
        found = [
            _destination(state, one, payload, is_url_wanted=is_url_wanted)
            for one in state.newest_first("webhook_endpoint")
            for payload in PAYLOADS[state.around.switches.stripe_payload]
        ]
        begin, limit = int(form.get("page") or 0), int(form.get("limit") or PAGE)
        return json_answer(paged("/v2/core/event_destinations", found, begin, limit))


def _destination(
    state: "StripeState", endpoint: Object, payload: str, *, is_url_wanted: bool
) -> Object:
    """Return an endpoint as v2 shows it; what gets thin events has the types of thin events."""
    is_thin, is_on = payload == "thin", endpoint["status"] == "enabled"
    events = [f"v1.{one}" if is_thin and one != "*" else one for one in endpoint["enabled_events"]]
    changed_at = state.endpoints_changed.get(endpoint["id"]) or int(endpoint["created"])
    return {
        "id": endpoint["id"].replace("we_", "ed_thin_" if is_thin else "ed_", 1),
        "object": "v2.core.event_destination",
        "created": iso(endpoint["created"]),
        "description": endpoint["description"] or "",
        "enabled_events": events,
        "event_payload": payload,
        "events_from": ["@self"],
        "livemode": state.livemode,
        "metadata": {},
        "name": "the relay",
        "snapshot_api_version": None if is_thin else endpoint["api_version"],
        "status": endpoint["status"],
        "status_details": None if is_on else {"disabled": {"reason": "user"}},
        "type": "webhook_endpoint",
        "updated": iso(changed_at),
        "webhook_endpoint": {"url": endpoint["url"]} if is_url_wanted else None,
    }


def paged(path: str, found: list[Object], begin: int, limit: int) -> Object:
    """Return one page as Stripe's v2 has it: with the URL of the next one, or null."""
    end = begin + limit
    more = f"{path}?page={end}&limit={limit}" if end < len(found) else None
    return {"data": found[begin:end], "next_page_url": more, "previous_page_url": None}
