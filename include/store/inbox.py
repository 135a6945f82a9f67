"""What the vendors told us: every event once, with its raw bytes, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from include.store.sql import Table, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.errors import ErrorClass

    Key = tuple[str, str, str]  # provider, mode, event id

FILLED_BY = "filled-by"  # in place of a delivery's headers
NO_MAIL = "no-mail"  # nobody is to be mailed for what comes of it


class InboxState(StrEnum):
    """Where a row stands."""

    WAITING = "waiting"  # for its run, not before `due_at`
    DISPATCHED = "dispatched"  # in the hands of a run
    PROCESSED = "processed"
    SUPERSEDED = "superseded"  # something newer was applied already
    IGNORED = "ignored"  # nothing is to be done about it; `reason` says why
    FAILED = "failed"  # its run gave up on it; `reason` says why
    DEAD = "dead"  # it waits for a person


class Receipt(StrEnum):
    """What came of an arrival."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"  # the event is known with another body


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A verified event on its way into the inbox."""

    provider: str
    mode: str
    event_id: str
    type: str
    api_version: str | None
    created_at: datetime | None
    received_at: datetime
    headers: str  # JSON
    body: bytes
    body_sha256: bytes
    member_key: str | None
    job: str | None
    state: InboxState
    reason: str | None

    @property
    def key(self) -> Key:
        """Return what makes the event unique."""
        return self.provider, self.mode, self.event_id

    @property
    def is_filled(self) -> bool:
        """Tell whether it was made here, from a vendor's list, and was not delivered."""
        return FILLED_BY in orjson.loads(self.headers)


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxRow:
    """A stored event; `body` is None once retention has emptied it."""

    id: int
    provider: str
    mode: str
    event_id: str
    type: str
    api_version: str | None
    created_at: datetime | None
    received_at: datetime
    headers: dict[str, str]
    body: bytes | None
    body_sha256: bytes
    member_key: str | None
    job: str | None
    state: InboxState
    reason: str | None
    due_at: datetime | None
    attempts: int
    dag_run_id: str | None
    member_id: UUID | None
    dispatched_at: datetime | None
    finished_at: datetime | None
    error_class: str | None  # of its last failure


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingRows:
    """How many rows wait, and since when the oldest of them does."""

    count: int
    since: datetime | None


class Inbox(Table, file="inbox"):
    """The table `ops.inbox`."""

    def receive(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Store what is new, in one statement, and say for each arrival what came of it.

        The first body of an event wins, for ever; another one is kept in `ops.inbox_conflicts`.
        """
        first = {arrival.key: n for n, arrival in reversed(list(enumerate(arrivals)))}
        news = [arrivals[n] for n in first.values()]
        rows = list(self._sql.receive(**_columns(news)))
        if any(row["state"] == InboxState.WAITING for row in rows):
            self.wake_dispatchers()
        if len(rows) == len(arrivals):
            return [Receipt.STORED] * len(arrivals)
        stored, known = {_key(row) for row in rows}, self._known(first)
        return [
            Receipt.STORED
            if first[arrival.key] == n and arrival.key in stored
            else self._repeat(arrival, **known[arrival.key])
            for n, arrival in enumerate(arrivals)
        ]

    def wake_dispatchers(self) -> None:
        """Tell every dispatcher, at the commit, that there is something to do."""
        list(self._sql.wake_dispatchers())

    def rows(self, ids: Collection[int]) -> list[InboxRow]:
        """Return these rows in the order in which they came; an unknown id is left out."""
        return _rows(self._sql.read_rows(ids=list(ids)))

    def of_run(self, dag_run_id: str) -> list[InboxRow]:
        """Return the rows that this run took last."""
        return _rows(self._sql.read_run(dag_run_id=dag_run_id))

    def by_event_id(self, event_id: str) -> list[InboxRow]:
        """Return the event of each provider and mode that has this id."""
        return _rows(self._sql.read_event(event_id=event_id))

    def finish(
        self,
        ids: Collection[int],
        *,
        state: InboxState,
        now: datetime,
        reason: str | None = None,
        error_class: ErrorClass | None = None,
    ) -> list[int]:
        """End rows that a run holds, and return which did; the others had ended before."""
        if state in (InboxState.WAITING, InboxState.DISPATCHED):
            raise ValueError(f"{state} is no end")
        rows = self._sql.end_rows(
            ids=list(ids), state=state, reason=reason, error_class=error_class, now=now
        )
        return [row["id"] for row in rows]

    def fail(
        self,
        ids: Collection[int],
        *,
        reason: str,
        now: datetime,
        error_class: ErrorClass | None = None,
    ) -> list[int]:
        """End rows as failed: they leave the batch, and what becomes of them is decided alone."""
        return self.finish(
            ids, state=InboxState.FAILED, reason=reason, error_class=error_class, now=now
        )

    def take_up_again(self, number: int, *, now: datetime) -> bool:
        """Let an event that has ended well wait for its job again; tell whether it can."""
        return self._sql.take_up_again(id=number, now=now) is not None

    def retry(self, ids: Collection[int], *, due_at: datetime) -> None:
        """Have rows that failed taken to a run of `webhook_retry` from then on."""
        self._sql.retry_rows(ids=list(ids), due_at=due_at)

    def defer(self, ids: Collection[int], *, due_at: datetime) -> None:
        """Let rows that failed wait for their own job again, not before then."""
        self._sql.put_off_rows(ids=list(ids), due_at=due_at)

    def dead_letter(self, ids: Collection[int]) -> None:
        """Let rows that failed wait for a person."""
        self._sql.bury_rows(ids=list(ids))

    def assign_members(self, members: Mapping[int, UUID]) -> None:
        """Write down whom each row turned out to be about."""
        self._sql.assign_members(ids=list(members), member_ids=list(members.values()))

    def counts(self) -> dict[InboxState, int]:
        """Count the rows in each state that has any."""
        return {InboxState(row["state"]): row["count"] for row in self._sql.count_states()}

    def waiting(self) -> WaitingRows:
        """Tell how many rows wait and since when the oldest does."""
        return WaitingRows(**self._sql.read_waiting())

    def next_due(self, job: str) -> datetime | None:
        """Tell when the next waiting row of this job is due."""
        return self._sql.read_next_due(job=job)

    def next_retry(self) -> datetime | None:
        """Tell when the next row that failed is to be tried again alone."""
        return self._sql.read_next_retry()

    def _known(self, keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
        """Read the id and the first body's hash of these events."""
        providers, modes, event_ids = (list(column) for column in zip(*keys, strict=True))
        rows = self._sql.find_known(providers=providers, modes=modes, event_ids=event_ids)
        return {
            _key(row): {"inbox_id": row["id"], "first_sha256": row["body_sha256"]} for row in rows
        }

    def missing(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Return those of these events that are not stored."""
        known = self._known([arrival.key for arrival in arrivals]) if arrivals else {}
        return [arrival for arrival in arrivals if arrival.key not in known]

    def mode_of(self, provider: str) -> str:
        """Return the mode in which a vendor's events come that count here; `live` before the first."""
        mode: str | None = self._sql.read_newest_mode(provider=provider)
        return mode or "live"

    def members_without_mail(self, dag_run_id: str) -> set[UUID]:
        """Return the members of a run of whom only rows tell for which nobody is to be mailed."""
        rows = self._sql.read_members_without_mail(dag_run_id=dag_run_id)
        return {row["member_id"] for row in rows}

    def busy_members(self) -> set[str]:
        """Return the members (as vendors say them) whose events are under way or wait for a person."""
        return {row["member_key"] for row in self._sql.read_busy_members()}

    def _repeat(self, arrival: Arrival, *, inbox_id: int, first_sha256: bytes) -> Receipt:
        """Judge an event that is known; a body that differs from the first is kept aside.

        What was filled in from the vendor's list has no delivery's bytes yet: the first delivery brings them.
        """
        if arrival.body_sha256 == first_sha256 or arrival.is_filled:
            return Receipt.DUPLICATE
        if self._sql.replace_filled(**values_of(arrival, id=inbox_id)):
            return Receipt.DUPLICATE
        self._sql.keep_conflict(**values_of(arrival, inbox_id=inbox_id))
        return Receipt.CONFLICT


def _key(row: Mapping[str, Any]) -> Key:
    return row["provider"], row["mode"], row["event_id"]


def _columns(arrivals: Collection[Arrival]) -> dict[str, list[Any]]:
    """Turn arrivals into one list per column, named as the statement's parameters."""
    return {
        _plural(field.name): [getattr(arrival, field.name) for arrival in arrivals]
        for field in fields(Arrival)
    }


def _plural(column: str) -> str:
    return {"body": "bodies", "headers": "headers"}.get(column, f"{column}s")


def _rows(rows: Iterable[Mapping[str, Any]]) -> list[InboxRow]:
    return [record_from(InboxRow, row, state=InboxState) for row in rows]
