"""One look at something slow, shared by everybody who asks at about the same time."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class CachedProbe(Generic[T]):
    """Asks in a thread, one at a time, and keeps the answer for `fresh_seconds`: a hundred probes cost one look."""

    def __init__(self, ask: Callable[[], T], *, fresh_seconds: float) -> None:
        """Ask nothing yet."""
        self._ask = ask
        self._fresh_seconds = fresh_seconds
        self._asked_at = -fresh_seconds
        self._asking: asyncio.Future[T] | None = None

    async def __call__(self, *, timeout_seconds: float) -> T:
        """Return the answer of the look that goes on or was just taken, or take one; raise what it raised."""
        is_over = self._asking is None or self._asking.done()
        if self._asking is None or (is_over and monotonic() - self._asked_at > self._fresh_seconds):
            self._asked_at = monotonic()
            self._asking = asyncio.ensure_future(asyncio.to_thread(self._ask))
        async with asyncio.timeout(timeout_seconds):
            return await asyncio.shield(self._asking)
