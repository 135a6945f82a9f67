"""Who sent this? The vendors' packages compute the signature; what they leave open is decided here.

Rotation needs no restart at the moment it happens: both secrets are configured during the overlap
(`OPS_STRIPE_WEBHOOK_SECRETS=new,old`), each costs some microseconds, and the old one is taken out
at the next deployment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from include.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

HEADER_LIMIT = 4096
TIMESTAMP = re.compile(r"[0-9]{1,11}")  # the packages take "+1", " 1" and "1_0" too


class Signature(Protocol):
    """How one vendor signs."""

    def verify(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> None:
        """Return if the vendor signed these bytes lately, else raise SignatureError."""


def text_of(body: bytes) -> str:
    """Return the body as the text that was signed; the packages know no other bodies."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise SignatureError("the body is not UTF-8") from None


def seconds_of(timestamp: str) -> int:
    """Return a timestamp's seconds; anything but digits is refused."""
    if not TIMESTAMP.fullmatch(timestamp):
        raise SignatureError("malformed signature header")
    return int(timestamp)


def check_age(seconds: int, *, now: datetime, tolerance_seconds: int) -> None:
    """Refuse what was signed too long ago or, by a clock gone wrong or a forger, in the future."""
    if abs(now.timestamp() - seconds) > tolerance_seconds:
        raise SignatureError("the timestamp is outside the tolerance")
