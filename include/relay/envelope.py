"""A verified body → the row it becomes. Only the envelope is read here; the event itself is the job's to read.

Hostile or broken bodies, all of them signed, have one outcome each:

| body | outcome |
|---|---|
| no JSON: syntax, NaN, Infinity, a number past a double's, a lone surrogate, over 1,024 levels | `dead` |
| JSON but no object | `dead` |
| Stripe `id` missing, empty, no string, over 255 characters, with NUL or other control characters | 400 |
| `type` likewise | `ignored` |
| `created`, `api_version`, the customer likewise | stored without it |
| `livemode` that is not false | mode `live`: what is unclear is not taken for a test |
| a key twice | the last one counts |
| an integer of over 64 bits | no id, no time: as if it were missing |

A `dead` row has no id of its own; `sha256:` and the hash of its bytes stand in, so that it too comes once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from include.relay.refusal import RefusalError
from include.relay.signatures.svix import message_id_of
from include.routing import route_of
from include.store.inbox import Arrival, State

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_HEADERS = (
    *("content-type", "user-agent", "stripe-signature"),
    *("svix-id", "svix-timestamp", "svix-signature"),
    *("webhook-id", "webhook-timestamp", "webhook-signature"),
)
LONGEST = 255
LAST_SECOND = 253_402_300_799  # of the year 9999


def arrival_from(
    provider: str, body: bytes, headers: Mapping[str, str], *, now: datetime, clerk_mode: str
) -> Arrival:
    """Return the row of a verified body, or raise RefusalError if it has no id to be known by."""
    digest = sha256(body).digest()
    event = _object_from(body)
    if event is None:
        envelope = _dead(digest, mode=clerk_mode if provider == "clerk" else "live")
    elif provider == "stripe":
        envelope = _stripe(event)
    else:
        envelope = _clerk(event, message_id=message_id_of(headers), mode=clerk_mode)
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    return Arrival(
        provider=provider,
        received_at=now,
        headers=orjson.dumps(kept).decode(),
        body=body,
        body_sha256=digest,
        **envelope,
    )


def _object_from(body: bytes) -> dict[str, Any] | None:
    """Return the body's JSON object, or None."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _dead(digest: bytes, *, mode: str) -> dict[str, Any]:
    return {
        "event_id": f"sha256:{digest.hex()}",
        "mode": mode,
        "type": "",
        "api_version": None,
        "created_at": None,
        "member_key": None,
        "job": None,
        "state": State.DEAD,
        "reason": "signed, but not a JSON object",
    }


def _stripe(event: Mapping[str, Any]) -> dict[str, Any]:
    event_id = _text(event.get("id"))
    if event_id is None:
        raise RefusalError(400, "no usable event id")
    return {
        "event_id": event_id,
        "mode": "test" if event.get("livemode") is False else "live",
        "api_version": _text(event.get("api_version")),
        "created_at": _instant(event.get("created")),
        "member_key": _stripe_member(_dict(_dict(event.get("data")).get("object"))),
        **_routed("stripe", event),
    }


def _clerk(event: Mapping[str, Any], *, message_id: str, mode: str) -> dict[str, Any]:
    user_id = _text(_dict(event.get("data")).get("id"))
    return {
        "event_id": message_id,
        "mode": mode,
        "api_version": None,
        "created_at": _instant(event.get("timestamp"), per_second=1000),
        "member_key": f"clerk:{user_id}" if user_id else None,
        **_routed("clerk", event),
    }


def _routed(provider: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the event leads to, by the one table."""
    event_type = _text(event.get("type"))
    if event_type is None:
        return {"type": "", "job": None, "state": State.IGNORED, "reason": "no usable type"}
    route = route_of(provider, event_type)
    state = State.WAITING if route.job else State.IGNORED
    return {"type": event_type, "job": route.job, "state": state, "reason": route.reason}


def _stripe_member(thing: Mapping[str, Any]) -> str | None:
    """Tell members apart by customer, else by address (hashed): for the limit of runs per member."""
    customer = thing if thing.get("object") == "customer" else thing.get("customer")
    customer_id = _text(customer.get("id") if isinstance(customer, dict) else customer)
    if customer_id:
        return f"stripe:{customer_id}"
    details = _dict(thing.get("customer_details"))
    email = _text(thing.get("email") or thing.get("customer_email") or details.get("email"))
    return f"email:{sha256(email.strip().lower().encode()).hexdigest()}" if email else None


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Return what can be a key and a column: 1 to 255 printable characters."""
    is_usable = isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()
    return str(value) if is_usable else None


def _instant(value: object, *, per_second: int = 1) -> datetime | None:
    if type(value) is not int or not 0 <= value <= LAST_SECOND * per_second:
        return None
    return datetime.fromtimestamp(value / per_second, UTC)
