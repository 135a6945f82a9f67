"""Events that state changes made, with the exact bytes that a delivery carries."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(slots=True)
class OutboxEvent:
    """What a vendor has to tell. `created` in seconds; `delivered` once somebody answered 2xx.

    `is_wanted` is false where no endpoint gets it: it is in the vendor's list, and is never sent.
    `by_hand` marks an event that a test wrote: it may break every rule of its vendor.
    """

    id: str
    vendor: str
    type: str
    created: int
    payload: bytes
    delivered: bool = False
    attempts: int = 0
    by_hand: bool = False
    is_wanted: bool = True

    def as_json(self, *, with_payload: bool = False) -> dict[str, Any]:
        """Return the event as the control interface shows it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "vendor": self.vendor,
            "type": self.type,
            "created": self.created,
            "delivered": self.delivered,
            "attempts": self.attempts,
            "wanted": self.is_wanted,
        }
        if not with_payload:
            return shown
        sha256 = hashlib.sha256(self.payload).hexdigest()  # of the exact bytes
        return {**shown, "payload": orjson.loads(self.payload), "sha256": sha256}


class Outbox:
    """All events since the last reset, oldest first. `on_new` is told of each as it appears."""

    def __init__(self) -> None:
        """Start empty, with nobody listening."""
        self._events: dict[str, OutboxEvent] = {}
        self.on_new: list[Callable[[OutboxEvent], None]] = []

    def __iter__(self) -> Iterator[OutboxEvent]:
        """Go through the events, oldest first."""
        return iter(self._events.values())

    def __len__(self) -> int:
        """Count the events since the last reset."""
        return len(self._events)

    def get(self, event_id: str) -> OutboxEvent | None:
        """Return the event of that id, or None."""
        return self._events.get(event_id)

    def add(self, event: OutboxEvent) -> None:
        """Keep an event and tell the listeners."""
        self._events[event.id] = event
        for tell in self.on_new:
            tell(event)

    def since(self, mark: int) -> list[OutboxEvent]:
        """Return the events added after `len(outbox)` was `mark`."""
        return list(self._events.values())[mark:]

    def clear(self) -> None:
        """Forget all events."""
        self._events.clear()
