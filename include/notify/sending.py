"""Sending: what comes of a message that could not be sent. Every queue has its own pauses, the rest is here.

The scope of a failure says what else would fail now (decision 30): a channel that is away is not called again in the
same pass, whatever is about one message or one address stops no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from include.errors import Scope, VendorBusyError, VendorError, VendorUncertainError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

T = TypeVar("T")

MAX_DOUBLINGS = 10  # more are longer than any longest pause


@dataclass(frozen=True, kw_only=True, slots=True)
class SendPolicy:
    """When a message is sent again: after `first_pause`, then after twice as long each time up to `longest_pause`.

    Where another channel is told instead (`has_other_channels`), a refusal is final; else only one of the message
    itself is, for a place that refuses may be mended.
    """

    first_pause: timedelta
    longest_pause: timedelta
    max_attempts: int | None = None
    has_other_channels: bool = False

    def pause_after(self, attempts: int, error: VendorError | None = None) -> timedelta:
        """Return how long to wait after so many attempts: what the vendor asks for, else twice as long as before."""
        if isinstance(error, VendorBusyError) and error.retry_after_seconds is not None:
            return timedelta(seconds=error.retry_after_seconds)
        doublings = min(max(attempts - 1, 0), MAX_DOUBLINGS)
        return min(self.first_pause * (1 << doublings), self.longest_pause)

    def next_try_at(self, attempts: int, error: VendorError, *, now: datetime) -> datetime | None:
        """Return when to send it again after so many attempts; None where it is given up."""
        if self.has_other_channels:
            is_final = not (error.retryable or isinstance(error, VendorUncertainError))
        else:
            is_final = error.scope is Scope.MESSAGE
        if is_final or (self.max_attempts is not None and attempts >= self.max_attempts):
            return None
        return now + self.pause_after(attempts, error)


@dataclass(kw_only=True, slots=True)
class Sender:
    """Sends the messages of one pass; `away` has the channels that are, with what they failed with."""

    wait: Callable[[float], None]
    wait_seconds: float  # a channel that is busy for longer is not waited for on the spot
    away: dict[str, VendorError] = field(default_factory=dict)

    def send(self, call: Callable[[], T]) -> T:
        """Make the call that sends a message; once more where the channel is busy for a moment."""
        try:
            return call()
        except VendorBusyError as error:
            pause = error.retry_after_seconds
            if pause is None or pause > self.wait_seconds:
                raise
            self.wait(pause)
        return call()

    def note(self, channel: str, error: VendorError) -> None:
        """Take note of a failure: a channel that is away is left alone for the rest of the pass."""
        if error.scope is Scope.VENDOR:
            self.away.setdefault(channel, error)
