"""One member's personal data: where it is, how it goes, and a search that proves it gone.

What stays are keys: ids of events and of the vendors' objects, without which a late or second delivery would make
her anew. Whatever can be traced back to her address becomes a hash or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.store.searching import rows_with
from include.store.sql import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID


BATCH_ROWS = 500


class Erasure(Table, file="erasure"):
    """Reads and redacts across all tables."""

    def members(self, emails: Collection[str]) -> dict[UUID, bool]:
        """Return who has or had one of these addresses, and whether her account is deleted."""
        return {row["id"]: row["is_deleted"] for row in self._sql.find_members(emails=list(emails))}

    def open_ends(self, member_ids: Collection[UUID]) -> int:
        """Count the planned ends of their memberships that are still to come."""
        return self._sql.count_open_ends(member_ids=list(member_ids))

    def events_of(self, member_ids: Collection[UUID], *, email_keys: Collection[str]) -> set[int]:
        """Return the events about these members, or that name nobody but one of these addresses."""
        rows = self._sql.find_events(member_ids=list(member_ids), email_keys=list(email_keys))
        return {row["id"] for row in rows}

    def bodies(self) -> Iterator[list[tuple[int, list[bytes]]]]:
        """Yield all events that still have a body, with all their bodies, in batches."""
        after = 0
        while rows := list(self._sql.read_bodies(after=after, row_limit=BATCH_ROWS)):
            yield [(row["id"], row["bodies"]) for row in rows]
            after = rows[-1]["id"]

    def working_on(self, inbox_ids: Collection[int]) -> int:
        """Count the events of these that a run has in its hands."""
        return self._sql.count_dispatched(ids=list(inbox_ids))

    def erase(
        self,
        member_ids: Collection[UUID],
        inbox_ids: Collection[int],
        *,
        reason: str,
        now: datetime,
    ) -> dict[str, int]:
        """Redact; return the number of rows by table. Needs a transaction and the members' locks."""
        members, events = {"member_ids": list(member_ids)}, {"ids": list(inbox_ids)}
        return {
            "ops.inbox": self._sql.redact_events(reason=reason, now=now, **events),
            "ops.inbox_conflicts": self._sql.delete_conflicts(**events),
            "ops.run_members": self._sql.redact_outcomes(**members),
            "ops.contacts": self._sql.delete_contacts(**members),
            "ops.slack_people": self._sql.delete_slack_people(**members),
            "ops.accounts": self._sql.delete_accounts(**members),
            "ops.audit_log": self._sql.redact_audit(**members),
            "public.users": self._sql.redact_users(now=now, **members),
        }

    def search(self, needles: Sequence[str]) -> dict[str, int]:
        """Return the tables, of ours and of the platform, with a row that holds one of these texts."""
        tables = self._sql.read_tables()
        return rows_with(needles, tables=tables, connection=self._connection)
