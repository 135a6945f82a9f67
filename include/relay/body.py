"""Reading a request's body without trusting it: neither its size, nor its pace, nor their sum."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from include.errors import StoreUnavailableError
from include.relay.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

READ_SECONDS = 10.0
BUDGET_BYTES = 32 * 1024 * 1024


class Budget:
    """The bytes of all requests between their first byte and their answer; it bounds the memory."""

    def __init__(self, size: int = BUDGET_BYTES) -> None:
        """Allow `size` bytes at once."""
        self._left = size

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Give a lease that grows with a request and is given back when it is answered."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self._left += lease.size

    def take(self, size: int) -> None:
        """Take `size` bytes, or say that the vendor should come back later."""
        if size > self._left:
            raise StoreUnavailableError("too much at once")
        self._left -= size


class Lease:
    """What one request has of the budget."""

    def __init__(self, budget: Budget) -> None:
        """Start with nothing."""
        self._budget = budget
        self.size = 0

    def grow(self, size: int) -> None:
        """Take `size` more bytes."""
        self._budget.take(size)
        self.size += size


async def read_body(request: Request, *, limit: int, lease: Lease) -> bytes:
    """Return the raw body, or raise RefusalError as soon as it is too long, too slow or packed."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RefusalError(415, "content encoding")  # what is unpacked is not what was signed
    length = request.headers.get("content-length", "0")
    if len(length) > len(str(limit)) or (length.isdigit() and int(length) > limit):
        raise RefusalError(413, "body too large")
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _collect(request, limit=limit, lease=lease)
    except TimeoutError:
        raise RefusalError(408, "body too slow") from None
    except ClientDisconnect:
        raise RefusalError(400, "body incomplete") from None


async def _collect(request: Request, *, limit: int, lease: Lease) -> bytes:
    chunks = []
    async for chunk in request.stream():
        if lease.size + len(chunk) > limit:
            raise RefusalError(413, "body too large")
        lease.grow(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)
