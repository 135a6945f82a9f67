"""Clerk: who has an account, with which addresses."""

import base64
import binascii
from typing import Final

from include.vendors.manifest import Manifest, Need, WebhookSecret

KEY: Final = r"sk_(?P<mode>live|test)_\S+"
SECRET_BYTES: Final = range(16, 65)  # of Svix, whose own are 24


def is_secret(secret: str) -> bool:
    """Tell whether it is Svix's form: base64 of the key, after `whsec_`."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith("whsec_") and len(key) in SECRET_BYTES


VENDOR: Final = Manifest(
    name="clerk",
    keeps_members_as="Clerk",
    needs={"clerk": Need(key=KEY, host=r"api\.clerk\.(com|dev)")},
    webhook=WebhookSecret(
        variable="OPS_CLERK_WEBHOOK_SECRETS",
        is_one=is_secret,
        first="First, in Clerk's dashboard, Webhooks, the endpoint: Rotate secret; the old one is good for 24 hours.",
    ),
    preload=("include.vendors.clerk.client",),
)
