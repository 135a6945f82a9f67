"""Luma's limit: so many calls in a minute, and the one above it blocks the key for a minute.

GET and POST count together. A call in the blocked minute is refused and does not prolong it.
"""

import math
from collections import deque
from datetime import UTC, datetime

WINDOW_SECONDS = 60.0
BLOCK_SECONDS = 60.0


class RateLimit:
    """The calls of the last minute, and until when the key is blocked."""

    def __init__(self) -> None:
        """Start with no calls."""
        self._calls: deque[float] = deque()
        self._blocked_until = 0.0

    def refusal(self, now: float, *, per_minute: int) -> dict[str, str] | None:
        """Count a call; return the headers of its refusal, or None where it is let through."""
        while self._calls and self._calls[0] <= now - WINDOW_SECONDS:
            self._calls.popleft()
        if now >= self._blocked_until and len(self._calls) >= per_minute:
            self._blocked_until = now + BLOCK_SECONDS
            self._calls.clear()  # who waits the block out starts anew
        if now < self._blocked_until:
            return self._headers(now, per_minute)
        self._calls.append(now)
        return None

    def _headers(self, now: float, per_minute: int) -> dict[str, str]:
        reset = datetime.fromtimestamp(self._blocked_until, UTC).isoformat(timespec="seconds")
        return {
            "Retry-After": str(math.ceil(self._blocked_until - now)),
            "X-RateLimit-Limit": str(per_minute),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": reset,
        }
