"""What the relays raise themselves, because Airflow cannot: once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.store.sql import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """Something that is wrong, or was."""

    name: str
    since: datetime
    ended_at: datetime | None
    words: str
    told_urls: Sequence[str] = ()  # hashes of the addresses that know how it is


class RelayAlarms(Table, file="relay_alarms"):
    """The table `ops.relay_alarms`."""

    def sound(self, name: str, *, words: str, now: datetime) -> None:
        """Say that something is wrong, as often as it is seen."""
        self._sql.raise_alarm(name=name, words=words, now=now)

    def end(self, name: str, *, now: datetime, unless_wrong_after: datetime) -> None:
        """Say that all is well; another relay that has seen the contrary after then is believed."""
        self._sql.end_alarm(name=name, now=now, wrong_before=unless_wrong_after)

    def lock_untold(self) -> list[Alarm]:
        """Return what is to be told, and keep other relays from telling it until the transaction ends."""
        return [Alarm(**row) for row in self._sql.lock_untold()]

    def set_told(
        self, name: str, told_urls: Collection[str], *, is_all: bool, now: datetime
    ) -> None:
        """Write down who was told how it is, and whether these are all."""
        self._sql.set_told(name=name, told_urls=list(told_urls), is_all=is_all, now=now)

    def firing(self) -> list[Alarm]:
        """Return the alarms that go on."""
        return [Alarm(**row) for row in self._sql.read_firing()]
