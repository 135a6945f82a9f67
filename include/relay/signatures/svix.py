"""Clerk's signature, which is Svix's: `svix-id`, `svix-timestamp`, `svix-signature: v1,<base64> …`.

The signature is computed by `svix.Webhook.sign` and compared here. Its `verify` asks the wall clock itself
(ours is passed in) and raises ValueError for a header that has garbage beside a good signature. The id
may have letters, digits, `_` and `-` only: the signed text is `id.timestamp.body`, and an id with a dot
would leave open where the body starts. https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from svix.webhooks import Webhook

from include.errors import SignatureError
from include.relay.signatures import HEADER_LIMIT, check_age, seconds_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


class SvixSignature:
    """Verifies with any of several secrets."""

    def __init__(self, secrets: Sequence[str], *, tolerance_seconds: int) -> None:
        """Take the endpoint's secrets, with or without `whsec_`; without any, all is refused."""
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._tolerance_seconds = tolerance_seconds

    def verify(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> None:
        """Return if Svix signed these bytes and this id lately, else raise SignatureError."""
        if not self._webhooks:
            raise SignatureError("no secret is set")
        message_id, text = message_id_of(headers), text_of(body)
        seconds = seconds_of(_header(headers, "timestamp"))
        signed_at = datetime.fromtimestamp(seconds, UTC)
        passed = _signatures_of(headers)
        expected = [webhook.sign(message_id, signed_at, text) for webhook in self._webhooks]
        if not any(_is_among(signature, passed) for signature in expected):
            raise SignatureError("no signature matches")
        check_age(seconds, now=now, tolerance_seconds=self._tolerance_seconds)


def message_id_of(headers: Mapping[str, str]) -> str:
    """Return the message's id, the same for every attempt to deliver it."""
    message_id = _header(headers, "id")
    if not MESSAGE_ID.fullmatch(message_id):
        raise SignatureError("malformed signature header")
    return message_id


def _header(headers: Mapping[str, str], name: str) -> str:
    """Read a header under Svix's name or the standard's (https://www.standardwebhooks.com)."""
    return headers.get(f"svix-{name}") or headers.get(f"webhook-{name}", "")


def _signatures_of(headers: Mapping[str, str]) -> list[bytes]:
    header = _header(headers, "signature")
    if len(header) > HEADER_LIMIT or not header.isascii():
        raise SignatureError("malformed signature header")
    return header.encode().split(b" ")


def _is_among(expected: str, passed: Sequence[bytes]) -> bool:
    return any(hmac.compare_digest(expected.encode(), signature) for signature in passed)
