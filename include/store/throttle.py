"""Limits that hold over every process, because the database keeps them."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from include.store.sql import Table, queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

SQL = queries("throttle")
WINDOW = timedelta(minutes=1)


class Throttle(Table, file="throttle"):
    """How much of what may be done at once."""

    def admit(
        self, rows: Sequence[dict[str, Any]], *, job: str, now: datetime, per_minute: int
    ) -> list[dict[str, Any]]:
        """Return the rows that their members' limit lets through now, and put off the others.

        `per_minute` counts the rows of one member that any run took in the last minute. All else of
        a member with a surplus is spread over the minutes to come and stands in nobody's way.
        """
        keys = {row["member_key"] for row in rows} - {None}
        since = now - WINDOW
        counts = self._sql.count_taken(member_keys=list(keys), since=since)
        taken = {row["member_key"]: row["count"] for row in counts}
        admitted = within_limit(rows, taken, per_minute=per_minute)
        if len(admitted) < len(rows):
            self._spread(rows, admitted, job=job, now=now, per_minute=per_minute)
        return admitted

    def has_room(
        self, rows: Sequence[Mapping[str, Any]], *, now: datetime, per_minute: int
    ) -> bool:
        """Tell whether these members may have another run in this minute."""
        keys = {row["member_key"] for row in rows} - {None}
        counts = self._sql.count_taken(member_keys=list(keys), since=now - WINDOW)
        return all(row["count"] < per_minute for row in counts)

    @contextmanager
    def connections(self, vendor: str, *, cap: int, want: int) -> Iterator[int]:
        """Lease up to `want` of the `cap` connections that everybody together may have to a vendor.

        Yields how many it got: at least one, for which it waits. They are locks of a transaction on
        a database connection of their own, so they are free when the block ends or its process dies.
        Take members' locks before, never inside: else two runs may wait for each other.
        """
        resource = f"{vendor} connections"
        with self._second_connection() as connection:
            free = SQL.lease_slots(connection, resource=resource, cap=cap, wanted=want)
            slots = {row["slot"] for row in free}
            if not slots:
                slots = {random.randint(1, cap)}  # noqa: S311 - so that not all wait for the same
                list(SQL.await_slot(connection, resource=resource, slot=min(slots)))
            yield len(slots)

    def _second_connection(self) -> psycopg.Connection[Any]:
        info = self._connection.info
        dsn = make_conninfo(info.dsn, password=info.password)
        return psycopg.connect(dsn, row_factory=dict_row)

    def _spread(
        self,
        rows: Iterable[Mapping[str, Any]],
        admitted: Iterable[Mapping[str, Any]],
        *,
        job: str,
        now: datetime,
        per_minute: int,
    ) -> None:
        keep = {row["id"] for row in admitted}
        self._sql.spread(
            job=job,
            member_keys=list({row["member_key"] for row in rows if row["id"] not in keep}),
            keep=list(keep),
            now=now,
            per_minute=per_minute,
        )


def within_limit(
    rows: Iterable[dict[str, Any]], taken: Mapping[str, int], *, per_minute: int
) -> list[dict[str, Any]]:
    """Return the first rows of each member that fit beside what was taken; no member, no limit."""
    counts, admitted = Counter(taken), []
    for row in rows:
        key = row["member_key"]
        counts[key] += 1
        if key is None or counts[key] <= per_minute:
            admitted.append(row)
    return admitted
