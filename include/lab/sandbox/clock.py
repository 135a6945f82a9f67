"""The sandbox's time: the machine's, plus what `POST /_sandbox/clock` moved it by."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class SandboxClock:
    """Seconds since the epoch, movable forward so that a month can pass in a test."""

    def __init__(self) -> None:
        """Start at the machine's time."""
        self.offset_seconds = 0.0

    def now(self) -> float:
        """Return the seconds since the epoch, as the vendors see them."""
        return machine_now() + self.offset_seconds

    @contextmanager
    def ago(self, seconds: float) -> Iterator[None]:
        """Have it be so many seconds earlier for the block: what happens in it has the date of then."""
        self.offset_seconds -= seconds
        try:
            yield
        finally:
            self.offset_seconds += seconds

    def seconds(self) -> int:
        """Return whole seconds since the epoch: Stripe's unit."""
        return int(self.now())

    def milliseconds(self) -> int:
        """Return milliseconds since the epoch: Clerk's unit."""
        return int(self.now() * 1000)

    def iso(self) -> str:
        """Return the text form that Mailchimp writes, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC).isoformat()


def machine_now() -> float:
    """Seconds since the epoch by the machine: what signatures are stamped with, moved or not."""
    return time.time()  # noqa: TID251 - the one place where the sandbox reads the time
