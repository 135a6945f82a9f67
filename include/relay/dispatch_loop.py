"""The thread that turns the dispatcher: woken when something comes, and now and then anyway."""

from __future__ import annotations

from contextlib import closing
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from include.relay.doorbell import Doorbell

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clock import Clock
    from include.relay.dispatcher import Dispatcher
    from include.store import Store

log = structlog.get_logger("relay.dispatcher")

DATABASE_PAUSE_SECONDS = 1.0
BUG_PAUSE_SECONDS = 10.0


class DispatchLoop:
    """Runs a dispatcher for as long as the relay runs, whatever happens to the database."""

    def __init__(
        self, dispatcher: Dispatcher, *, connect: Callable[[], Store], clock: Clock
    ) -> None:
        """Connect in the thread, and again whenever that is needed."""
        self._dispatcher = dispatcher
        self._connect = connect
        self._clock = clock
        self._doorbell = Doorbell()
        self._stopping = Event()
        self._problem: str | None = None
        self._thread = Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the turn that is going on; a call to Airflow that hangs is not waited for."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._doorbell.ring()
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._doorbell.close()

    def state(self) -> dict[str, Any]:
        """Say in words how it goes, for a person who asks `/readyz`."""
        if not self._thread.is_alive():
            return {"state": "stopped"}
        if self._problem:
            return {"state": "waiting for the database", "problem": self._problem}
        troubles = self._dispatcher.troubles.copy()
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
                log.exception("dispatcher.bug")
                self._stopping.wait(BUG_PAUSE_SECONDS)

    def _serve(self, store: Store) -> None:
        self._doorbell.listen(store.connection)
        while not self._stopping.is_set():
            seconds = self._dispatcher.turn(store)
            self._note(None)
            self._doorbell.wait(store.connection, seconds)

    def _note(self, problem: str | None) -> None:
        """Remember how the database is; log the change, not each failure."""
        if problem != self._problem:
            log.warning("dispatcher.database", problem=problem or "none: it answers again")
        self._problem = problem
