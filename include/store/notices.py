"""What people are told about failed runs: an outbox, so that a message outlives a Slack that is down.

A notice is one kind of failure of one job (`key`). It is told when it first happens, at most once in a
quiet time while it goes on, and once more, in the thread of the last message, when it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from include.store.sql import Table, record_from

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime


NoticeFacts = dict[str, Any]  # JSON without addresses


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRun:
    """A run that failed, and when."""

    job: str
    dag_run_id: str
    failed_at: datetime
    kind: str = ""  # what tells its runs from others of its job: as `kind_of_run` says


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """What a run has left undone."""

    members: int
    inbox_ids: list[int]
    reasons: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One kind of failure of one job; `count` of its failures, `told` of them in messages."""

    key: str
    job: str
    state: str
    count: int
    told: int
    facts: NoticeFacts
    opened_at: datetime
    seen_at: datetime
    posted_at: datetime | None
    thread_ts: str | None
    attempts: int
    next_try_at: datetime
    problem: str | None
    recovered_at: datetime | None
    recovery: NoticeFacts | None
    recovery_told: bool
    given_up_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenNotice:
    """A failure that goes on; whether it left rows behind, and how many of them are not well yet."""

    notice: Notice
    has_rows: bool
    open_rows: int


class Notices(Table, file="notices"):
    """The tables `ops.notices` and `ops.notice_runs`."""

    def damage(self, dag_run_id: str) -> Damage:
        """Return what a run has left undone."""
        return Damage(**self._sql.read_damage(dag_run_id=dag_run_id))

    def note(  # noqa: PLR0913 - what is known of a failure, by name
        self,
        run: FailedRun,
        *,
        key: str,
        facts: NoticeFacts,
        inbox_ids: Collection[int],
        quiet_since: datetime,
        now: datetime,
    ) -> bool:
        """Count a failure of a run; return False where it is counted already."""
        with self._connection.transaction():
            list(self._sql.lock_run(job=run.job, dag_run_id=run.dag_run_id))
            values = {"key": key, "job": run.job, "failed_at": run.failed_at}
            if not self.unnoted([run]):
                return False
            self._sql.open_notice(facts=Jsonb(facts), quiet_since=quiet_since, now=now, **values)
            self._sql.add_run(dag_run_id=run.dag_run_id, inbox_ids=list(inbox_ids), **values)
        return True

    def put(self, key: str, *, job: str, facts: NoticeFacts, now: datetime) -> None:
        """Have something else than a failed run told, once: `key` is not used for anything again."""
        if self.get(key) is None:
            self._sql.open_notice(
                key=key, job=job, facts=Jsonb(facts), failed_at=now, quiet_since=now, now=now
            )

    def renew(self, key: str, *, job: str, facts: NoticeFacts, count: int, now: datetime) -> None:
        """Have so many more of something told; what has not been told yet is told with them."""
        self._sql.renew_notice(key=key, job=job, facts=Jsonb(facts), count=count, now=now)

    def move(self, key: str, new_key: str, *, facts: NoticeFacts) -> None:
        """Let an open notice go on under another key, with these facts changed."""
        self._sql.move_notice(key=key, new_key=new_key, facts=Jsonb(facts))

    def get(self, key: str) -> Notice | None:
        """Return one notice."""
        row = self._sql.read_notice(key=key)
        return _notice(row) if row else None

    def of_run(self, job: str, dag_run_id: str) -> Notice | None:
        """Return the notice that a failed run is counted in."""
        row = self._sql.read_of_run(job=job, dag_run_id=dag_run_id)
        return _notice(row) if row else None

    def take_due(
        self, *, now: datetime, quiet_since: datetime, leased_until: datetime, limit: int
    ) -> list[Notice]:
        """Take what is to be told now, what has failed before after the others.

        Nobody else gets it before `leased_until`.
        """
        rows = self._sql.take_due(
            now=now, quiet_since=quiet_since, leased_until=leased_until, row_limit=limit
        )
        return sorted(map(_notice, rows), key=lambda one: (one.attempts, one.opened_at, one.key))

    def told(self, notice: Notice, *, thread_ts: str, now: datetime) -> None:
        """Write down that the failures counted in `notice` have been told."""
        self._sql.mark_told(key=notice.key, told=notice.count, thread_ts=thread_ts, now=now)

    def recovery_told(self, notice: Notice, *, now: datetime) -> None:
        """Write down that the recovery of `notice` has been told."""
        self._sql.mark_recovery_told(key=notice.key, recovered_at=notice.recovered_at, now=now)

    def postpone(self, notice: Notice, *, problem: str, next_try_at: datetime) -> None:
        """Write down why it could not be sent, and when it is tried again."""
        self._sql.postpone(key=notice.key, problem=problem, next_try_at=next_try_at)

    def defer(self, notices: Collection[Notice], *, until: datetime) -> None:
        """Let these wait that were taken and not tried."""
        self._sql.defer(keys=[notice.key for notice in notices], until=until)

    def give_up(self, notice: Notice, *, problem: str, now: datetime) -> None:
        """Write down why it is never sent as it is; what happens after it is told again."""
        self._sql.give_up(key=notice.key, problem=problem, now=now)

    def untold(self, *, given_up_since: datetime) -> list[Notice]:
        """Return what could not be told so far, and what was given up since then, oldest first."""
        return _notices(self._sql.read_untold(given_up_since=given_up_since))

    def read_open(self) -> list[OpenNotice]:
        """Return the failures that nothing has put right yet, oldest first."""
        return [
            OpenNotice(notice=_notice(row), has_rows=row["has_rows"], open_rows=row["open_rows"])
            for row in self._sql.read_open()
        ]

    def recover(self, notice: Notice, *, recovery: NoticeFacts, now: datetime) -> bool:
        """Close a notice, unless it has happened again since it was read; say whether it did."""
        changed: int = self._sql.recover(
            key=notice.key, recovery=Jsonb(recovery), seen_at=notice.seen_at, now=now
        )
        return bool(changed)

    def unnoted(self, failed: Collection[FailedRun]) -> list[FailedRun]:
        """Return those of these failures that nobody has noted, oldest first."""
        rows = self._sql.find_unnoted(
            jobs=[run.job for run in failed],
            dag_run_ids=[run.dag_run_id for run in failed],
            failed_ats=[run.failed_at for run in failed],
        )
        kinds = {(run.job, run.dag_run_id): run.kind for run in failed}
        return [FailedRun(**row, kind=kinds[row["job"], row["dag_run_id"]]) for row in rows]

    def waiting(self) -> list[Notice]:
        """Return what is still to be told, oldest first."""
        return _notices(self._sql.read_waiting())


def _notice(row: Mapping[str, Any]) -> Notice:
    return record_from(Notice, row)


def _notices(rows: Iterable[Mapping[str, Any]]) -> list[Notice]:
    return [_notice(row) for row in rows]
