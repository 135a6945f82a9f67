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

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from include.relay.refusal import RefusalError
from include.relay.signatures.svix import message_id_of
from include.store.arrivals import clerk_envelope, stripe_envelope
from include.store.inbox import Arrival, InboxState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

KEPT_HEADERS = (
    *("content-type", "user-agent", "stripe-signature"),
    *("svix-id", "svix-timestamp", "svix-signature"),
    *("webhook-id", "webhook-timestamp", "webhook-signature"),
)


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
        envelope = clerk_envelope(event, message_id=message_id_of(headers), mode=clerk_mode)
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
        "state": InboxState.DEAD,
        "reason": "signed, but not a JSON object",
    }


def _stripe(event: Mapping[str, Any]) -> dict[str, Any]:
    envelope = stripe_envelope(event)
    if envelope is None:
        raise RefusalError(400, "no usable event id")
    return envelope
