"""Webhooks as the vendors send them: signed over the raw bytes, with this stack's secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.errors import CommandError

if TYPE_CHECKING:
    from datetime import datetime

PROVIDERS = ("stripe", "clerk")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is posted to `/webhooks/<provider>`."""

    path: str
    body: bytes
    headers: dict[str, str]


def event_from(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a file; raise CommandError where there is none."""
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"this is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise CommandError("this is not an event: a JSON object is expected")
    return event


def sign(provider: str, body: bytes, *, secret: str, event_id: str, now: datetime) -> Request:
    """Return the request as `provider` would send it at `now`; Clerk has the event's id in a header."""
    headers = {"Content-Type": "application/json"}
    if provider == "stripe":
        headers["Stripe-Signature"] = stripe_signature(body, secret, round(now.timestamp()))
    else:
        timestamp = round(now.timestamp())
        headers |= {
            "svix-id": event_id,
            "svix-timestamp": str(timestamp),
            "svix-signature": svix_signature(body, secret, event_id, timestamp),
        }
    return Request(path=f"/webhooks/{provider}", body=body, headers=headers)


def stripe_signature(body: bytes, secret: str, timestamp: int) -> str:
    """Return the header's value: https://docs.stripe.com/webhooks#verify-manually."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={signed.hexdigest()}"


def svix_signature(body: bytes, secret: str, event_id: str, timestamp: int) -> str:
    """Return the header's value: https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


def fresh_event_id(provider: str) -> str:
    """Return an event id that was never used, in the vendor's form."""
    return ("evt_" if provider == "stripe" else "msg_") + secrets.token_hex(12)
