"""Everything that happened to one member or event, put together from all tables, in time order.

For a terminal and, later, the console: ids, states and reasons, never a body and never an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.store.sql import Table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEntry:
    """One thing that happened; `part` is where: vendor, inbox, airflow, step, letter, mailchimp, end or audit."""

    at: datetime
    part: str
    what: str
    detail: str | None
    job: str | None
    dag_run_id: str | None
    inbox_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectHistory:
    """What a handle turned out to name, and what happened to it."""

    members: tuple[UUID, ...]
    inbox_ids: tuple[int, ...]
    entries: tuple[TimelineEntry, ...]


class Timeline(Table, file="timeline"):
    """Reads across the tables."""

    def of(self, handle: str) -> ObjectHistory:
        """Tell the story of a member (e-mail, our id, Stripe or Clerk id) or an event (its id, its row).

        A handle that names nobody and nothing has an empty story.
        """
        members = self.members_of(handle)
        inbox_ids = (
            _column(self._sql.read_rows_of(member_ids=members), "id")
            if members
            else self.rows_of(handle)
        )
        rows = self._sql.read_entries(member_ids=members, inbox_ids=inbox_ids)
        entries = tuple(TimelineEntry(**row) for row in rows) if members or inbox_ids else ()
        return ObjectHistory(members=tuple(members), inbox_ids=tuple(inbox_ids), entries=entries)

    def members_of(self, handle: str) -> list[UUID]:
        """Return whom a handle names; two members may share one for as long as nobody has merged them."""
        return _column(self._sql.find_members(handle=handle), "member_id")

    def rows_of(self, handle: str) -> list[int]:
        """Return the inbox rows that a handle names: an event's id, or the row's number."""
        return _column(self._sql.find_rows(handle=handle), "id")

    def uncertain_steps(self) -> dict[str, int]:
        """Count, by effect, the steps whose answer was lost."""
        return {row["effect"]: row["count"] for row in self._sql.read_uncertain_steps()}


def _column(rows: Iterable[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]
