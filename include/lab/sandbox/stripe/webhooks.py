"""How Stripe signs a delivery (docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from include.lab.sandbox.leniencies import NOT_IN_THE_CUT
from include.lab.sandbox.stripe.shapes import DESCRIPTIONS
from include.lab.sandbox.stripe.thin import OBJECT
from include.lab.sandbox.vendor import WebhookDelivery


def headers(_event_id: str, body: bytes, secrets: Sequence[str], stamp: int) -> dict[str, str]:
    """Return the one header of a delivery, with a signature by each secret, which is used as it is written."""
    signed = f"{stamp}.".encode() + body
    signatures = [hmac.digest(one.encode(), signed, hashlib.sha256).hex() for one in secrets]
    return {"stripe-signature": ",".join([f"t={stamp}", *(f"v1={one}" for one in signatures)])}


def described(event: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return what describes an event and the object in it, in the event's own version; nothing does a thin one."""
    if event["object"] == OBJECT:
        return []
    file = DESCRIPTIONS.get(event["api_version"])
    if file is None:
        return []
    document = event["data"]["object"]
    parts = [(file, "/components/schemas/event", event)]
    if document["object"] not in NOT_IN_THE_CUT:
        parts.append((file, f"/components/schemas/{document['object']}", document))
    return parts


WEBHOOKS = WebhookDelivery(
    path="/webhooks/stripe",
    secrets=lambda settings: settings.stripe_webhook_secrets,
    headers=headers,
    described=described,
)
