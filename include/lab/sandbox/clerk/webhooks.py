"""How Clerk signs: Svix's scheme (docs.svix.com/receiving/verifying-payloads/how-manual)."""

import base64
import hashlib
import hmac
from typing import Any

from include.lab.sandbox.leniencies import SAME_AS
from include.lab.sandbox.vendor import Webhooks


def headers(event_id: str, body: bytes, secret: str, stamp: int) -> dict[str, str]:
    """Return the three headers of a delivery; `secret` is `whsec_` and base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{event_id}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "svix-id": event_id,
        "svix-timestamp": str(stamp),
        "svix-signature": f"v1,{signature}",
    }


def described(event: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return what describes an event: it is under `x-webhooks`, as OpenAPI 3.0 has no webhooks."""
    kind = SAME_AS.get(event["type"], event["type"])
    pointer = f"/x-webhooks/{kind}/post/requestBody/content/application~1json/schema"
    return [("clerk-webhooks.openapi.json", pointer, event)]


WEBHOOKS = Webhooks(
    path="/webhooks/clerk",
    secret=lambda settings: settings.clerk_webhook_secret,
    headers=headers,
    described=described,
)
