"""The planned ends of memberships as people see them: what is to come, by day, and what somebody has kept lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from include.operate.members import Option, day, end_options, end_words
from include.store.lookup import Lookup

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.store import Store
    from include.store.deactivations import Deactivation

MAX_SHOWN = 300
KEPT_SHOWN = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedEnd:
    """One of them."""

    number: int
    member_id: UUID
    name: str | None
    words: str
    options: tuple[Option, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """What is to come, by day, and what a person has kept lately."""

    count: int
    days: tuple[tuple[str, tuple[PlannedEnd, ...]], ...]
    kept: tuple[PlannedEnd, ...]


def read_ends(store: Store, *, now: datetime, sees_names: bool) -> Ends:
    """Return the planned ends: without a date first, then the next to come."""
    rows = store.deactivations.read_open()
    lookup = Lookup(store.connection)
    kept = [store.deactivations.get(one) for one in lookup.kept_by_hand(since=now - KEPT_SHOWN)]
    found = [*rows[:MAX_SHOWN], *filter(None, kept)]
    names = lookup.names({one.member_id for one in found}) if sees_names else {}

    def shown(some: Sequence[Deactivation]) -> Iterator[PlannedEnd]:
        for one in some:
            known = names.get(one.member_id)
            yield PlannedEnd(
                number=one.id,
                member_id=one.member_id,
                name=(known.name or known.email) if known else None,
                words=end_words(one),
                options=tuple(end_options(one)),
            )

    by_day = groupby(rows[:MAX_SHOWN], key=lambda one: day(one.deactivate_at))
    return Ends(
        count=len(rows),
        days=tuple((title, tuple(shown(list(some)))) for title, some in by_day),
        kept=tuple(shown([one for one in kept if one])),
    )
