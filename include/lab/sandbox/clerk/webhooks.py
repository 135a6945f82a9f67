"""How Clerk signs: Svix's scheme (docs.svix.com/receiving/verifying-payloads/how-manual)."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from include.lab.sandbox.leniencies import SAME_AS
from include.lab.sandbox.vendor import WebhookDelivery


def headers(event_id: str, body: bytes, secrets: Sequence[str], stamp: int) -> dict[str, str]:
    """Return the three headers of a delivery, signed with each secret, which is `whsec_` and base64."""
    keys = [base64.b64decode(one.removeprefix("whsec_")) for one in secrets]
    signed = f"{event_id}.{stamp}.".encode() + body
    signatures = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return {
        "svix-id": event_id,
        "svix-timestamp": str(stamp),
        "svix-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def described(event: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return what describes an event: it is under `x-webhooks`, as OpenAPI 3.0 has no webhooks."""
    kind = SAME_AS.get(event["type"], event["type"])
    pointer = f"/x-webhooks/{kind}/post/requestBody/content/application~1json/schema"
    return [("clerk-webhooks.openapi.json", pointer, event)]


WEBHOOKS = WebhookDelivery(
    path="/webhooks/clerk",
    secrets=lambda settings: settings.clerk_webhook_secrets,
    headers=headers,
    described=described,
)
