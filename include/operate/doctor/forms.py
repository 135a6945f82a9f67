"""What the vendors' keys and secrets look like: a wrong one can often be told without asking anybody."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import urlsplit

STRIPE_KEY: Final = r"(sk|rk)_(?P<mode>live|test)_\S+"
CLERK_KEY: Final = r"sk_(?P<mode>live|test)_\S+"
MAILCHIMP_KEY: Final = r"\S+-(?P<centre>[a-z]+[0-9]+)"
PAGERDUTY_KEY: Final = r"[A-Za-z0-9]{32}"
SLACK_BOT: Final = r"xoxb-\S+"
SLACK_USER: Final = r"xoxp-\S+"
TWILIO_ACCOUNT: Final = r"AC[0-9a-f]{32}"
STRIPE_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9_+/=-]{14,}")
SLACK_SIGNING_SECRET: Final = re.compile(r"[0-9a-f]{32}")
CLERK_SECRET_BYTES: Final = range(16, 65)  # of Svix, whose own are 24


def is_stripe_secret(secret: str) -> bool:
    """Tell whether it has the form of a secret of Stripe's webhooks."""
    return STRIPE_SECRET.fullmatch(secret) is not None


def is_clerk_secret(secret: str) -> bool:
    """Tell whether it is Svix's form: base64 of the key, after `whsec_`."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith("whsec_") and len(key) in CLERK_SECRET_BYTES


def is_slack_signing_secret(secret: str) -> bool:
    """Tell whether it has the form of a signing secret of a Slack app."""
    return SLACK_SIGNING_SECRET.fullmatch(secret) is not None


def is_in_the_clear(url: str) -> bool:
    """Tell whether what is sent there can be read on the way; a name without a dot is of our own network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "http" and "." in host and not host.startswith("127.")
