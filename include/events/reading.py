"""Reading of JSON from outside: every shape that is not the expected one ends in PayloadError.

A message names the place in the payload and never the value, which may be somebody's address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from include.errors import PayloadError

MAX_TEXT = 1000
LAST_SECOND = 253_402_300_799  # of the year 9999
MILLISECONDS_FROM = 10**11  # as seconds: the year 5138


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON object and where it was found."""

    values: Mapping[str, object]
    path: str = ""

    def text(self, name: str) -> str:
        """Return a text that must be there and not be empty."""
        value = self.optional_text(name)
        if not value:
            raise self.error(name, "is missing or empty")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where there is none; Postgres cannot store a NUL."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(name, "is not a text")
        if "\0" in value or len(value) > MAX_TEXT:
            raise self.error(name, "is too long or has a NUL")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean; missing means no."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.error(name, "is not a boolean")
        return bool(value)

    def number(self, name: str) -> int:
        """Return a whole number; missing means 0."""
        value = self.values.get(name)
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(name, "is not a whole number")
        return value

    def instant(self, name: str) -> datetime | None:
        """Return a Unix time in seconds (Stripe) or milliseconds (Clerk), or None."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(name, "is not a time")
        seconds = value / 1000 if value >= MILLISECONDS_FROM else value
        if seconds > LAST_SECOND:
            raise self.error(name, "is not a time")
        return datetime.fromtimestamp(seconds, UTC)

    def iso_instant(self, name: str) -> datetime | None:
        """Return a time that is written as ISO 8601 (what Stripe calls v2 has no other), or None."""
        value = self.values.get(name)
        if value is None:
            return None
        moment = iso_time(value)
        if moment is None:
            raise self.error(name, "is not a time")
        return moment

    def node(self, name: str) -> Node:
        """Return the object of that name; missing means an empty one."""
        value = self.values.get(name)
        if value is None:
            return Node({}, self._place(name))
        return self._as_node(value, name)

    def nodes(self, name: str) -> list[Node]:
        """Return the objects of a list; missing means none."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(name, "is not a list")
        return [self._as_node(item, f"{name}[{index}]") for index, item in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; missing means none."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(name, "is not a list of texts")
        return value

    def reference(self, name: str) -> str | None:
        """Return the id of another object, which Stripe sends bare or expanded."""
        if isinstance(self.values.get(name), Mapping):
            return self.node(name).text("id")
        return self.optional_text(name) or None

    def error(self, name: str, problem: str) -> PayloadError:
        """Return the error that says what is wrong where."""
        return PayloadError(f"{self._place(name)} {problem}")

    def _as_node(self, value: object, name: str) -> Node:
        if not isinstance(value, Mapping):
            raise self.error(name, "is not an object")
        return Node(value, self._place(name))

    def _place(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def iso_time(value: object) -> datetime | None:
    """Return an ISO 8601 time that has its zone; None for what is none."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def node_from(body: bytes) -> Node:
    """Parse a JSON object."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"not JSON, at character {error.pos}") from None
    if not isinstance(value, dict):
        raise PayloadError("not a JSON object")
    return Node(value)
