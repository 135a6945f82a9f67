"""What the vendors were asked: the calls of late, and how many were in service at once."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

import orjson

from include.lab.sandbox.wire import Call

KEPT = 50_000
"""Calls that are remembered; older ones are forgotten first."""


@dataclass(slots=True)
class AnsweredCall:
    """One call that was answered, or cut off (`status` 0)."""

    seq: int
    at: float
    vendor: str
    call: Call
    status: int
    fault: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the call as the control interface shows it; bodies are parsed only here."""
        return {
            "seq": self.seq,
            "at": self.at,
            "vendor": self.vendor,
            "method": self.call.method,
            "path": self.call.path,
            "query": self.call.query,
            "status": self.status,
            "fault": self.fault,
            "idempotency_key": self.call.headers.get("idempotency-key"),
            "request_body": readable(self.call.body),
        }


def readable(body: bytes) -> Any:
    """Return a body as JSON where it is JSON, else as text, else None."""
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


class CallLog:
    """The last calls in the order of their answers, and the highest number at once."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: deque[AnsweredCall] = deque(maxlen=KEPT)
        self._numbers = count(1)
        self._in_service: Counter[str] = Counter()
        self.highest_at_once: dict[str, int] = {}

    @contextmanager
    def in_service(self, vendor: str) -> Iterator[int]:
        """Count a call as in service; gives the number at once, this one included."""
        self._in_service[vendor] += 1
        now = self._in_service[vendor]
        self.highest_at_once[vendor] = max(now, self.highest_at_once.get(vendor, 0))
        try:
            yield now
        finally:
            self._in_service[vendor] -= 1

    def add(self, *, at: float, vendor: str, call: Call, status: int, fault: str | None) -> None:
        """Remember one call."""
        self._entries.append(AnsweredCall(next(self._numbers), at, vendor, call, status, fault))

    def select(
        self,
        *,
        vendor: str | None = None,
        method: str | None = None,
        path: str = "*",
        status: int | None = None,
    ) -> list[AnsweredCall]:
        """Return the remembered calls that fit, oldest first; `path` is a glob."""
        return [
            entry
            for entry in self._entries
            if vendor in (None, entry.vendor)
            and method in (None, entry.call.method)
            and status in (None, entry.status)
            and fnmatchcase(entry.call.path, path)
        ]

    def clear(self) -> None:
        """Forget all calls and the highest numbers."""
        self._entries.clear()
        self.highest_at_once.clear()
