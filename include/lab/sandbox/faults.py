"""Faults that a test asks for: which calls they hit, and how often they did."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, Literal

import orjson

from include.lab.sandbox.wire import JSON, Answer, Call

FaultKind = Literal["status", "delay", "stall", "reset", "lost_answer"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One ordered fault: it fires for the next `times` calls, a `share` of them, or all."""

    id: str
    vendor: str
    kind: FaultKind
    method: str | None = None
    path: str = "*"
    query: str = ""
    mentions: tuple[str, ...] = ()
    status: int = 500
    body: Any = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    times: int | None = None
    share: float | None = None
    seed: int = 0
    fired: int = 0
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Seed the dice, so that a share hits the same calls in every run."""
        self._dice = random.Random(self.seed)  # noqa: S311 - chance for tests, not for secrets

    def fits(self, vendor: str, call: Call) -> bool:
        """Is this call one of those that the fault is meant for."""
        return (
            self.vendor == vendor
            and self.method in (None, call.method)
            and fnmatchcase(call.path, self.path)
            and self.query in call.query_string
            and (not self.mentions or call.mentions(self.mentions))
        )

    def fires(self) -> bool:
        """Decide for one fitting call, and count."""
        if self.times is not None and self.fired >= self.times:
            return False
        if self.share is not None and self._dice.random() >= self.share:
            return False
        self.fired += 1
        return True

    def answer(self) -> Answer:
        """Return the answer of a `status` fault: JSON, text, or nothing at all."""
        if self.body is None:
            return Answer(self.status, b"", self.content_type, self.headers)
        if isinstance(self.body, str):
            kind = self.content_type or "text/html; charset=utf-8"
            return Answer(self.status, self.body.encode(), kind, self.headers)
        return Answer(self.status, orjson.dumps(self.body), self.content_type or JSON, self.headers)

    def as_json(self) -> dict[str, Any]:
        """Return the fault as the control interface shows it."""
        return {name: getattr(self, name) for name in self.__slots__ if not name.startswith("_")}


class FaultBook:
    """All faults that were ordered, oldest first; the first that fires wins."""

    def __init__(self) -> None:
        """Start without faults."""
        self._faults: dict[str, Fault] = {}
        self._numbers = count(1)

    def __iter__(self) -> Iterator[Fault]:
        """Go through the faults, oldest first."""
        return iter(self._faults.values())

    def order(self, **wish: Any) -> Fault:
        """Add a fault and return it with its id."""
        fault = Fault(id=f"fault_{next(self._numbers)}", **wish)
        self._faults[fault.id] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """Take one fault away; False where there is none of that id."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Take all faults away."""
        self._faults.clear()

    def firing(self, vendor: str, call: Call) -> Fault | None:
        """Return the fault that hits this call, already counted, or None."""
        if not self._faults:
            return None
        return next((f for f in self if f.fits(vendor, call) and f.fires()), None)
