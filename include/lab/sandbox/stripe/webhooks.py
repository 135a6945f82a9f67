"""How Stripe signs a delivery (docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac
from typing import Any

from include.lab.sandbox.leniencies import NOT_IN_THE_CUT
from include.lab.sandbox.stripe.shapes import DESCRIPTIONS
from include.lab.sandbox.vendor import Webhooks


def headers(_event_id: str, body: bytes, secret: str, stamp: int) -> dict[str, str]:
    """Return the one header of a delivery; `secret` is used as it is written."""
    signed = f"{stamp}.".encode() + body
    signature = hmac.digest(secret.encode(), signed, hashlib.sha256).hex()
    return {"stripe-signature": f"t={stamp},v1={signature}"}


def described(event: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return what describes an event and the object in it, in the event's own version."""
    file = DESCRIPTIONS.get(event["api_version"])
    if file is None:
        return []
    document = event["data"]["object"]
    parts = [(file, "/components/schemas/event", event)]
    if document["object"] not in NOT_IN_THE_CUT:
        parts.append((file, f"/components/schemas/{document['object']}", document))
    return parts


WEBHOOKS = Webhooks(
    path="/webhooks/stripe",
    secret=lambda settings: settings.stripe_webhook_secret,
    headers=headers,
    described=described,
)
