"""The DAG runs that the dispatcher asked for, from the claim of rows to the end of the last one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from include.errors import ErrorClass
from include.routing import RETRY, RETRY_RUN
from include.store.dead_letters import Failure, subject_of
from include.store.dead_letters.table import DeadLetters
from include.store.sql import Bound, Table, queries
from include.store.throttle import WINDOW, Throttle

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    import psycopg

RETRIES_LOOKED_AT = 100  # rows; a member's events that fail together are beside each other
PLAIN_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{1,180}")  # Airflow: ^[A-Za-z0-9_.~:+-]+$, 250 in all


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Rows that one run is to take."""

    dag_run_id: str
    inbox_ids: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispatch:
    """A run, as far as we know about it."""

    dag_run_id: str
    job: str
    rows: int
    state: str
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    checked_at: datetime | None
    problem: str | None


class Dispatches(Table, file="dispatches"):
    """The table `ops.dispatches`, and the rows of the inbox while a run holds them."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Work over `connection`; a claim is one transaction of its own."""
        super().__init__(connection)
        self._inbox = Bound(queries("inbox"), connection)
        self._throttle = Throttle(connection)
        self._letters = DeadLetters(connection)

    def claim(  # noqa: PLR0913 - all that bounds a claim
        self,
        job: str,
        *,
        now: datetime,
        max_in_flight: int,
        batch_size: int,
        member_limit: int,
        min_batch_size: int | None = None,
    ) -> Claim | None:
        """Take what is due for one run; None when nothing is, or enough runs are in flight.

        At most `batch_size` rows, and at most `member_limit` in a minute of one member: the surplus
        gets a later due time. With a smaller `min_batch_size` a run takes its share of what is due,
        one of `max_in_flight`, and at least so many. Several relays at once agree on what is in flight.
        """
        if self._in_flight(job) >= max_in_flight:
            return None  # as it mostly is under load: then nothing is locked
        with self._connection.transaction():
            list(self._sql.lock_job(job=job))
            if self._in_flight(job) >= max_in_flight:
                return None
            least = min_batch_size or batch_size
            bounds = {"least": least, "most": batch_size, "shares": max_in_flight}
            while rows := list(self._inbox.lock_due(job=job, now=now, **bounds)):
                taken = self._throttle.admit(rows, job=job, now=now, per_minute=member_limit)
                if taken:
                    return self._open(job, taken, now=now)
            return None

    def claim_retry(
        self, job: str, *, now: datetime, max_in_flight: int, member_limit: int
    ) -> Claim | None:
        """Take what failed and is due again for one run: the events of one member, or one event.

        As in `claim` several relays agree, and a member's surplus over `member_limit` gets a later time.
        """
        if self._in_flight(job) >= max_in_flight:
            return None
        with self._connection.transaction():
            list(self._sql.lock_job(job=job))
            if self._in_flight(job) >= max_in_flight:
                return None
            while rows := list(
                self._inbox.lock_retry(job=job, now=now, row_limit=RETRIES_LOOKED_AT)
            ):
                case = [row for row in rows if _fail_together(row, rows[0])]
                if self._throttle.has_room(case, now=now, per_minute=member_limit):
                    return self._open(job, case, now=now, prefix=RETRY_RUN)
                ids = [row["id"] for row in case]
                self._inbox.postpone_rows(ids=ids, due_at=now + WINDOW)
            return None

    def attach(
        self,
        dag_run_id: str,
        *,
        job: str,
        inbox_ids: Collection[int],
        now: datetime,
        with_dead: bool = False,
    ) -> list[int]:
        """Follow a run that a person started or cleared, if it takes rows that wait or failed.

        With `with_dead` it takes those that wait for a person as well. Returns the rows it takes over;
        for a run that the dispatcher started there are none.
        """
        with self._connection.transaction():
            rows = list(
                self._inbox.adopt_rows(
                    ids=list(inbox_ids),
                    dag_run_id=dag_run_id,
                    with_dead=with_dead,
                    now=now,
                )
            )
            if rows:
                self._sql.adopt_dispatch(
                    dag_run_id=dag_run_id, job=job, row_count=len(rows), now=now
                )
        return [row["id"] for row in rows]

    def unstarted(self, job: str, *, claimed_before: datetime) -> list[Claim]:
        """Return the claims that no relay could start, and those older ones nobody has tried."""
        rows = self._sql.read_unstarted(job=job, claimed_before=claimed_before)
        return [Claim(**row) for row in rows]

    def started(self, dag_run_id: str, *, now: datetime) -> None:
        """Write down that Airflow has the run, and wake the scheduler of a local stack."""
        with self._connection.transaction():
            self._sql.start_dispatch(dag_run_id=dag_run_id, now=now)
            list(self._sql.wake_scheduler())

    def set_problem(self, dag_run_id: str, problem: str | None) -> None:
        """Say why an open run is not started or does not go on."""
        self._sql.set_problem(dag_run_id=dag_run_id, problem=problem)

    def close_empty(self, *, now: datetime) -> None:
        """Close the claims whose rows somebody else has ended before a run took them."""
        self._sql.close_empty(now=now)

    def take_unchecked(self, *, now: datetime, checked_before: datetime) -> list[tuple[str, str]]:
        """Return (run, job) of started runs that Airflow was last asked about before then."""
        rows = self._sql.take_unchecked(now=now, checked_before=checked_before)
        return [(row["dag_run_id"], row["job"]) for row in rows]

    def finish(self, dag_run_id: str, *, now: datetime) -> bool:
        """Close a run whose rows have all ended, and wake the dispatcher; say whether it did.

        The last step of a job, in the transaction that ends the rows. Again, or for a run that took
        no row, it does nothing.
        """
        changed: int = self._sql.finish_dispatch(dag_run_id=dag_run_id, now=now)
        if changed:
            list(self._inbox.wake_dispatchers())
        return bool(changed)

    def requeue(self, dag_run_id: str, *, now: datetime) -> None:
        """Let the rows of a run that Airflow does not have any more wait for another one."""
        with self._connection.transaction():
            self._inbox.return_rows(dag_run_id=dag_run_id, now=now)
            self._lose(dag_run_id, "Airflow does not have the run any more", now=now)

    def mark_lost(self, dag_run_id: str, *, reason: str, now: datetime) -> None:
        """Close a run that Airflow has ended; what it left in its hands has failed.

        What a retry has left is dead: it was tried alone already, and would be lost like this again.
        """
        with self._connection.transaction():
            if not self.finish(dag_run_id, now=now):
                rows = self._inbox.fail_run_rows(dag_run_id=dag_run_id, reason=reason, now=now)
                left, run = list(rows), self.get(dag_run_id)
                if run is not None and run.job == RETRY:
                    self._bury(left, dag_run_id, reason, now=now)
                self._lose(dag_run_id, reason, now=now)

    def in_flight(self) -> list[Dispatch]:
        """Return the runs that are asked for or going on."""
        return [Dispatch(**row) for row in self._sql.read_open()]

    def get(self, dag_run_id: str) -> Dispatch | None:
        """Return one run, if it is ours."""
        row = self._sql.read_dispatch(dag_run_id=dag_run_id)
        return Dispatch(**row) if row else None

    def _in_flight(self, job: str) -> int:
        return self._sql.count_in_flight(job=job)

    def _open(
        self, job: str, rows: Sequence[dict[str, Any]], *, now: datetime, prefix: str = ""
    ) -> Claim:
        dag_run_id, ids = prefix + dag_run_id_of(rows), sorted(row["id"] for row in rows)
        self._sql.open_dispatch(dag_run_id=dag_run_id, job=job, row_count=len(ids), now=now)
        self._inbox.dispatch_rows(ids=ids, dag_run_id=dag_run_id, now=now)
        return Claim(dag_run_id=dag_run_id, inbox_ids=ids)

    def _bury(
        self, rows: Sequence[Mapping[str, Any]], dag_run_id: str, reason: str, *, now: datetime
    ) -> None:
        """Let rows that a retry has left wait for a person, each with its case."""
        self._inbox.bury_rows(ids=[row["id"] for row in rows])
        cases: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for row in rows:
            cases.setdefault((row["job"], subject_of(row["id"], row["member_id"])), []).append(row)
        for (job, subject), alike in cases.items():
            failure = Failure(
                job=job,
                subject=subject,
                error_class=ErrorClass.TRANSIENT,
                reason=reason,
                member_id=alike[0]["member_id"],
                inbox_ids=tuple(row["id"] for row in alike),
                tried_by=RETRY,
                dag_run_id=dag_run_id,
            )
            self._letters.open_case(failure, now=now)

    def _lose(self, dag_run_id: str, problem: str, *, now: datetime) -> None:
        self._sql.lose_dispatch(dag_run_id=dag_run_id, problem=problem, now=now)
        list(self._inbox.wake_dispatchers())


def _fail_together(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two rows are one case: the same member's, or the same row."""
    if row["member_id"] is None:
        return bool(row["id"] == other["id"])
    return bool(row["member_id"] == other["member_id"])


def dag_run_id_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the id that this try of these rows has, whoever makes the run.

    It tells the event where there is one, and is not used twice: the try is that of the oldest row,
    which is in one run at a time.
    """
    first = min(rows, key=itemgetter("id"))
    if len(rows) > 1:
        last = max(row["id"] for row in rows)
        name = f"batch.{first['id']}-{last}.{len(rows)}"
    elif PLAIN_EVENT_ID.fullmatch(first["event_id"]):
        name = f"{first['provider']}.{first['mode']}.{first['event_id']}"
    else:
        name = f"inbox.{first['id']}"
    return name if first["attempts"] == 0 else f"{name}.try{first['attempts'] + 1}"
