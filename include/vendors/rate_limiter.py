"""A job's pace at a vendor: so many calls a minute, and none after its time is over.

A library for rates waits by itself and by its own clock. Here the waiting is the question: it must fit into what is
left of the run, else the rest is left for the next one. So the window of the last minute is kept here, in a dozen
lines, and time is passed in.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from include.errors import TimeUpError, VendorBusyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.clock import Clock

T = TypeVar("T")

WINDOW = timedelta(seconds=61)  # a minute, and a second for calls that arrive closer than they left
LEAST_PAUSE_SECONDS = 1.0


class RateLimiter:
    """Makes a vendor's calls for one run of a job."""

    def __init__(
        self,
        *,
        clock: Clock,
        until: datetime,
        per_minute: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin no call after `until`, and no more than `per_minute` in a minute."""
        self._clock, self._sleep, self._until = clock, sleep, until
        self._begun: deque[datetime] = deque(maxlen=per_minute)

    def call(self, ask: Callable[[], T]) -> T:
        """Make a call in its turn, and again after the pause of a vendor who is busy."""
        while True:
            self.take_turn()
            try:
                return ask()
            except VendorBusyError as busy:
                self.wait_out(busy)

    def wait_out(self, busy: VendorBusyError) -> None:
        """Pause as long as the vendor wants; raises TimeUpError where that is longer than the time left."""
        self._wait(max(busy.retry_after_seconds or 0.0, LEAST_PAUSE_SECONDS), str(busy))

    def take_turn(self) -> None:
        """Wait until a call may be made, and count it; raises TimeUpError where it may not any more."""
        if len(self._begun) == self._begun.maxlen:
            pause = self._begun[0] + WINDOW - self._clock.now()
            if pause > timedelta(0):
                self._wait(pause.total_seconds(), "the calls of this minute are made")
        if self._clock.now() >= self._until:
            raise TimeUpError
        self._begun.append(self._clock.now())

    def _wait(self, seconds: float, why: str) -> None:
        left = (self._until - self._clock.now()).total_seconds()
        if seconds >= left:
            raise TimeUpError(
                f"{why}: the pause is {seconds:.0f} s, and {max(left, 0):.0f} s are left"
            )
        self._sleep(seconds)
