"""Group commit: one thread stores all events that wait in one transaction, and only then they are answered.

A commit costs the disk's time, whether it holds one row or a hundred; so the more is sent at once, the
less each event costs, and while it is quiet an event waits for nothing.
"""

from __future__ import annotations

import asyncio
import traceback
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

import psycopg
import structlog

from include.errors import ErrorClass, OpsError, PayloadError, StoreUnavailableError
from include.store.dead_letters import Failure
from include.store.inbox import InboxState, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from include.clock import Clock
    from include.relay.rejections import RejectionCounter
    from include.store import Store
    from include.store.inbox import Arrival

    Outcome = Receipt | OpsError

log = structlog.get_logger("relay.writer")

GROUP_SIZE = 500
QUEUE_LENGTH = 10_000
FLUSH_SECONDS = 1.0
SICK_SECONDS = 3.0  # how long after a failed write the relay calls itself not ready


class Pending:
    """An event on its way to the disk; given up, it holds its body no longer."""

    def __init__(self, arrival: Arrival) -> None:
        """Wait for the outcome in the loop that is running."""
        self.arrival: Arrival | None = arrival
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: Outcome) -> None:
        """Answer, if somebody still waits."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class InboxWriter:
    """Stores events, in a thread of its own and over a connection of its own."""

    def __init__(
        self,
        connect: Callable[[], Store],
        *,
        rejections: RejectionCounter,
        clock: Clock,
        timeout_seconds: float,
    ) -> None:
        """Connect when there is something to store, and again whenever that is needed."""
        self._connect = connect
        self._rejections = rejections
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._store: Store | None = None
        self._failed_at = -SICK_SECONDS
        self._problem: str | None = None
        self._flushed_at = monotonic()
        self._thread = Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to store, for the event loop that is running."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Store what still waits, then end; a database that hangs is not waited for."""
        self._queue.put(None)
        self._thread.join(timeout=self._timeout_seconds + 1)

    @property
    def is_sick(self) -> bool:
        """Tell whether a write failed a moment ago."""
        return self._problem is not None and monotonic() - self._failed_at < SICK_SECONDS

    async def write(self, arrival: Arrival) -> Receipt:
        """Return when the event is committed.

        Raises StoreUnavailableError when that does not happen in time: the event may be stored all the
        same, and the vendor's next delivery is then a duplicate. Raises PayloadError when Postgres cannot
        hold this event.
        """
        if self._queue.qsize() >= QUEUE_LENGTH:
            raise StoreUnavailableError
        pending = Pending(arrival)
        self._queue.put(pending)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcome = await pending.outcome
        except TimeoutError:
            raise StoreUnavailableError from None
        finally:
            pending.arrival = None
        if isinstance(outcome, OpsError):
            raise outcome
        return outcome

    def _run(self) -> None:
        going_on = True
        while going_on:
            group, going_on = self._next_group()
            self._store_group(group)
            self._flush_rejections(now=not going_on)
        if self._store:
            self._store.close()

    def _next_group(self) -> tuple[list[Pending], bool]:
        """Return all that waits, as soon as anything does; False with the last of it."""
        group: list[Pending] = []
        try:
            item = self._queue.get(timeout=FLUSH_SECONDS)
            while item is not None:
                group.append(item)
                if len(group) == GROUP_SIZE:
                    return group, True
                item = self._queue.get_nowait()
        except Empty:
            return group, True
        return group, False

    def _store_group(self, group: Sequence[Pending]) -> None:
        """Store the group and answer its events, whatever happens."""
        waiting = [(pending, pending.arrival) for pending in group]
        wanted = [(pending, arrival) for pending, arrival in waiting if arrival is not None]
        if not wanted:
            return
        outcomes: Sequence[Outcome]
        try:
            outcomes = self._receive([arrival for _, arrival in wanted])
            self._note(None)
        except Exception as error:  # noqa: BLE001 - the thread's outermost: it must not end
            self._note(_described(error))
            outcomes = [StoreUnavailableError() for _ in wanted]
        self._loop.call_soon_threadsafe(_settle, [pending for pending, _ in wanted], outcomes)

    def _receive(self, arrivals: Sequence[Arrival]) -> Sequence[Outcome]:
        """Store them together; where Postgres refuses a value, one by one, so that it harms no other."""
        try:
            return self._commit(arrivals)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(arrivals) == 1:
                log.warning("inbox.refused", error=_described(error))
                return [PayloadError("this event cannot be stored")]
        return [self._receive([arrival])[0] for arrival in arrivals]

    def _commit(self, arrivals: Sequence[Arrival]) -> Sequence[Receipt]:
        """Commit one group; over a new connection if the one at hand turns out to be dead."""
        try:
            return self._commit_once(arrivals)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            if self._store is None or not self._store.connection.closed:
                raise
            self._store = None
        return self._commit_once(arrivals)

    def _commit_once(self, arrivals: Sequence[Arrival]) -> Sequence[Receipt]:
        self._store = self._store or self._connect()
        with self._store.transaction():
            receipts = self._store.inbox.receive(arrivals)
            for arrival, receipt in zip(arrivals, receipts, strict=True):
                if arrival.state is InboxState.DEAD and receipt is Receipt.STORED:
                    _open_dead_letter(arrival, self._store)
            return receipts

    def _flush_rejections(self, *, now: bool) -> None:
        """Write the counters, once a second; those that cannot be written are kept."""
        if not now and monotonic() - self._flushed_at < FLUSH_SECONDS:
            return
        self._flushed_at = monotonic()
        if counts := self._rejections.take():
            try:
                self._store = self._store or self._connect()
                self._store.rejections.add(counts, now=self._clock.now())
            except psycopg.Error as error:
                self._rejections.requeue(counts)
                self._note(_described(error))

    def _note(self, problem: str | None) -> None:
        """Remember how the last write went; log the change, not each failure."""
        if problem:
            self._failed_at = monotonic()
        if problem != self._problem:
            log.warning("store.changed", problem=problem or "none: it stores again")
        self._problem = problem


def _settle(group: Sequence[Pending], outcomes: Sequence[Outcome]) -> None:
    for pending, outcome in zip(group, outcomes, strict=True):
        pending.settle(outcome)


def _open_dead_letter(arrival: Arrival, store: Store) -> None:
    """Let an event that nobody can read wait for a person."""
    [row] = [
        row
        for row in store.inbox.by_event_id(arrival.event_id)
        if (row.provider, row.mode) == (arrival.provider, arrival.mode)
    ]
    failure = Failure(
        job="relay",
        subject=f"row:{row.id}",
        error_class=ErrorClass.PAYLOAD,
        reason=arrival.reason or "",
        inbox_ids=(row.id,),
    )
    store.dead_letters.open_case(failure, now=arrival.received_at)


def _described(error: Exception) -> str:
    """Name an error, and where it is from; its text may quote the row and stays out of the log."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} {frame.name}:{frame.lineno}"
