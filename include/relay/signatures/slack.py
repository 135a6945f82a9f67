"""Slack's signature: `X-Slack-Signature: v0=<hex HMAC-SHA256 of "v0:seconds:body">`, the seconds in another header.

Computed here: with `slack_sdk.signature` comes all of Slack's client, and it asks the wall clock itself (ours is passed
in). https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from include.errors import SignatureError
from include.relay.signatures import HEADER_LIMIT, check_age, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class SlackSignature:
    """Verifies with any of several secrets."""

    def __init__(self, secrets: Sequence[str], *, tolerance_seconds: int) -> None:
        """Take the app's signing secrets; without any, every request is refused."""
        self._secrets = [secret.encode() for secret in secrets]
        self._tolerance_seconds = tolerance_seconds

    def verify(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> None:
        """Return if Slack signed these bytes lately, else raise SignatureError."""
        if not self._secrets:
            raise SignatureError("no secret is set")
        stamp = headers.get("x-slack-request-timestamp", "")
        passed = headers.get("x-slack-signature", "")
        seconds = seconds_of(stamp)
        if len(passed) > HEADER_LIMIT or not passed.isascii():
            raise SignatureError("malformed signature header")
        signed = b"v0:%s:%s" % (stamp.encode(), body)
        expected = ["v0=" + hmac.digest(one, signed, sha256).hex() for one in self._secrets]
        if not any(hmac.compare_digest(one, passed) for one in expected):
            raise SignatureError("no signature matches")
        check_age(seconds, now=now, tolerance_seconds=self._tolerance_seconds)
