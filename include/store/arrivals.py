"""An event's document → the row it becomes, whoever brings it: the relay with a webhook, or reconciliation.

Only the envelope is read here; what is in it is the job's to read. See `include/relay/envelope.py` for what becomes of
hostile and broken ones.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from include.events.reading import iso_time
from include.events.thin import OBJECT as THIN
from include.routing import route_of
from include.store.inbox import InboxState

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 255
LAST_SECOND = 253_402_300_799  # of the year 9999


def stripe_envelope(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of `Arrival` that a Stripe event's document tells; None without a usable id."""
    event_id = text(event.get("id"))
    if event_id is None:
        return None
    return {
        "event_id": event_id,
        "mode": "test" if event.get("livemode") is False else "live",
        "api_version": text(event.get("api_version")),
        "created_at": iso_time(event.get("created")) or instant(event.get("created")),
        "member_key": stripe_thing(event),
        **routed("stripe", event),
    }


def clerk_envelope(event: Mapping[str, Any], *, message_id: str, mode: str) -> dict[str, Any]:
    """Return the fields of `Arrival` that a Clerk event's document tells."""
    user_id = text(mapping(event.get("data")).get("id"))
    return {
        "event_id": message_id,
        "mode": mode,
        "api_version": None,
        "created_at": instant(event.get("timestamp"), per_second=1000),
        "member_key": f"clerk:{user_id}" if user_id else None,
        **routed("clerk", event),
    }


def routed(provider: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the event leads to, by the one table."""
    event_type = text(event.get("type"))
    if event_type is None:
        return {"type": "", "job": None, "state": InboxState.IGNORED, "reason": "no usable type"}
    route = route_of(provider, event_type)
    state = InboxState.WAITING if route.job else InboxState.IGNORED
    return {"type": event_type, "job": route.job, "state": state, "reason": route.reason}


def stripe_thing(event: Mapping[str, Any]) -> str | None:
    """Tell whose event it is; a thin one has only the id of its object, which stands in for the customer."""
    if event.get("object") != THIN:
        return stripe_member(mapping(mapping(event.get("data")).get("object")))
    named = text(mapping(event.get("related_object")).get("id"))
    return f"stripe:{named}" if named else None


def stripe_member(thing: Mapping[str, Any]) -> str | None:
    """Tell members apart by customer, else by address (hashed): for the limit of runs per member."""
    owner = thing.get("customer") or thing.get("customer_account")
    customer = thing if thing.get("object") == "customer" else owner
    customer_id = text(customer.get("id") if isinstance(customer, dict) else customer)
    if customer_id:
        return f"stripe:{customer_id}"
    details = mapping(thing.get("customer_details"))
    email = text(thing.get("email") or thing.get("customer_email") or details.get("email"))
    return f"email:{sha256(email.strip().lower().encode()).hexdigest()}" if email else None


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """Return what can be a key and a column: 1 to 255 printable characters."""
    is_usable = isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()
    return str(value) if is_usable else None


def instant(value: object, *, per_second: int = 1) -> datetime | None:
    """Return a Unix time; None for what is none."""
    if type(value) is not int or not 0 <= value <= LAST_SECOND * per_second:
        return None
    return datetime.fromtimestamp(value / per_second, UTC)
