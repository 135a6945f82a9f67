"""Vendors that are down as a whole: who may call them, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from include.store.sql import Table, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class BreakerState(StrEnum):
    """Whether a vendor is called."""

    CLOSED = "closed"  # it is
    OPEN = "open"  # it is not, before `probe_at`
    PROBING = "probing"  # by one run, which finds out


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """How it stands with one vendor."""

    vendor: str
    state: BreakerState
    failing: tuple[str, ...] = ()  # whom calls failed for since one went well
    openings: int = 0  # the first opening, and the probes that failed since
    probe_at: datetime | None = None  # of one that a person has paused: until when
    probe_by: str | None = None
    reason: str | None = None  # what the vendor said last
    opened_at: datetime | None = None
    paused_by: str | None = None
    paused_why: str | None = None
    changed_at: datetime

    def is_paused(self, now: datetime) -> bool:
        """Tell whether a person has paused it, and the time is not over."""
        return self.paused_by is not None and self.probe_at is not None and now < self.probe_at


class Breakers(Table, file="breakers"):
    """The table `ops.breakers`."""

    def all(self) -> list[Breaker]:
        """Return how it stands with each vendor that ever failed."""
        return [_breaker(row) for row in self._sql.read_breakers()]

    def tripped(self) -> list[Breaker]:
        """Return the vendors that are left alone, or probed."""
        return [one for one in self.all() if one.state is not BreakerState.CLOSED]

    def get(self, vendor: str) -> Breaker | None:
        """Return how it stands with a vendor, if it ever failed."""
        row = self._sql.read_breaker(vendor=vendor)
        return _breaker(row) if row else None

    def lock(self, vendor: str, *, now: datetime) -> Breaker:
        """Return a breaker, and let nobody else change it until the transaction ends."""
        self._sql.make_breaker(vendor=vendor, now=now)
        return _breaker(self._sql.lock_breaker(vendor=vendor))

    def save(self, breaker: Breaker) -> None:
        """Write down how a breaker that is locked stands now."""
        self._sql.save_breaker(**values_of(breaker, failing=list(breaker.failing)))


def _breaker(row: Mapping[str, Any]) -> Breaker:
    return record_from(Breaker, row, state=BreakerState, failing=tuple)
