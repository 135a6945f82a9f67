"""A thread that turns what starts runs: woken when something comes, and now and then anyway."""

from __future__ import annotations

from contextlib import closing
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import structlog

from include.relay.notify_waiter import NotifyWaiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clock import Clock
    from include.relay.attempts import FailedAttempt
    from include.store import Store

log = structlog.get_logger("relay.loop")

DATABASE_PAUSE_SECONDS = 1.0
BUG_PAUSE_SECONDS = 10.0


class Starter(Protocol):
    """What starts runs: the dispatcher, and the scheduler of deactivations."""

    @property
    def troubles(self) -> dict[str, FailedAttempt]:
        """What does not work now."""
        ...

    def turn(self, store: Store) -> float:
        """Do what there is to do; return how many seconds may pass now."""
        ...


class DispatchLoop:
    """Turns one for as long as the relay runs, whatever happens to the database; `channel` wakes it."""

    def __init__(
        self,
        starter: Starter,
        *,
        name: str,
        channel: str,
        connect: Callable[[], Store],
        clock: Clock,
    ) -> None:
        """Connect in the thread, and again whenever that is needed."""
        self._starter = starter
        self._name = name
        self._connect = connect
        self._clock = clock
        self._waiter = NotifyWaiter(channel)
        self._stopping = Event()
        self._problem: str | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the turn that is going on; a call to Airflow that hangs is not waited for."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._waiter.wake()
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._waiter.close()

    def state(self) -> dict[str, Any]:
        """Say in words how it goes, for a person who asks `/readyz`."""
        if not self._thread.is_alive():
            return {"state": "stopped"}
        if self._problem:
            return {"state": "waiting for the database", "problem": self._problem}
        troubles = self._starter.troubles.copy()
        if not troubles:
            return {"state": "working"}
        now = self._clock.now()
        return {
            "state": "waiting for Airflow",
            "problems": {
                what: {
                    "problem": trouble.problem,
                    "for_seconds": round((now - trouble.since).total_seconds()),
                    "next_try_in_seconds": max(0, round((trouble.retry_at - now).total_seconds())),
                }
                for what, trouble in troubles.items()
            },
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._connect()) as store:
                    self._serve(store)
            except psycopg.Error as error:
                self._note(type(error).__name__)
                self._stopping.wait(DATABASE_PAUSE_SECONDS)
            except Exception:  # the thread's outermost: it must not end
                log.exception("loop.bug", loop=self._name)
                self._stopping.wait(BUG_PAUSE_SECONDS)

    def _serve(self, store: Store) -> None:
        self._waiter.listen(store.connection)
        while not self._stopping.is_set():
            seconds = self._starter.turn(store)
            self._note(None)
            self._waiter.wait(store.connection, seconds)

    def _note(self, problem: str | None) -> None:
        """Remember how the database is; log the change, not each failure."""
        if problem != self._problem:
            log.warning(
                "loop.database", loop=self._name, problem=problem or "none: it answers again"
            )
        self._problem = problem
