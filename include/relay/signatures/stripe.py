"""Stripe's signature: `Stripe-Signature: t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">[,v1=…]`.

The comparison is `stripe.WebhookSignature`'s. Around it: the header must have exactly one plain `t`, both
directions of the tolerance are checked (the package takes any future), and what the package answers with
a TypeError or a UnicodeDecodeError is a SignatureError. https://docs.stripe.com/webhooks/signature
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe import SignatureVerificationError, WebhookSignature

from include.errors import SignatureError
from include.relay.signatures import HEADER_LIMIT, check_age, seconds_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class StripeSignature:
    """Verifies with any of several secrets."""

    def __init__(self, secrets: Sequence[str], *, tolerance_seconds: int) -> None:
        """Take the endpoint's secrets, `whsec_` included; without any, every request is refused."""
        self._secrets = tuple(secrets)
        self._tolerance_seconds = tolerance_seconds

    def verify(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> None:
        """Return if Stripe signed these bytes lately, else raise SignatureError."""
        if not self._secrets:
            raise SignatureError("no secret is set")
        header = headers.get("stripe-signature", "")
        seconds, text = _timestamp_of(header), text_of(body)
        if not any(_is_signed(text, header, secret) for secret in self._secrets):
            raise SignatureError("no signature matches")
        check_age(seconds, now=now, tolerance_seconds=self._tolerance_seconds)


def _timestamp_of(header: str) -> int:
    if len(header) > HEADER_LIMIT or not header.isascii():
        raise SignatureError("malformed signature header")
    stamps = [
        value for key, _, value in (item.partition("=") for item in header.split(",")) if key == "t"
    ]
    if len(stamps) != 1:
        raise SignatureError("malformed signature header")
    return seconds_of(stamps[0])


def _is_signed(text: str, header: str, secret: str) -> bool:
    try:
        WebhookSignature.verify_header(text, header, secret)
    except SignatureVerificationError:  # it carries the body: neither logged nor chained
        return False
    return True
