"""Can the relay store, and does what it stored go on? Asked of the database itself, at most once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from include.relay.cached_probe import CachedProbe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.clock import Clock
    from include.relay.database import KeptSession
    from include.relay.dispatch_loop import DispatchLoop
    from include.relay.writer import InboxWriter
    from include.store import Store
    from include.store.breakers import Breaker

log = structlog.get_logger("relay.health")

FRESH_SECONDS = 1.0


class ReadinessProbe:
    """Answers `/readyz`; a hundred probes at once cost one look."""

    def __init__(
        self,
        session: KeptSession,
        *,
        writer: InboxWriter,
        loops: Mapping[str, DispatchLoop],
        clock: Clock,
        timeout_seconds: float,
    ) -> None:
        """Ask over a session that is kept."""
        self._writer = writer
        self._loops = loops
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._problem: str | None = None
        self._look = CachedProbe(lambda: session.use(self._asked), fresh_seconds=FRESH_SECONDS)

    async def readiness(self) -> dict[str, Any]:
        """Return `ready` and what waits; within the time-out, whatever the database does."""
        try:
            waiting = await self._look(timeout_seconds=self._timeout_seconds)
        except (TimeoutError, psycopg.Error) as error:
            self._note(type(error).__name__)
            return {"ready": False, **self._states()}
        ready = not self._writer.is_sick
        self._note(None if ready else "the last write failed")
        return {"ready": ready, **waiting, **self._states()}

    def _note(self, problem: str | None) -> None:
        """Log why a proxy is told to send nothing here, once for as long as it stays so."""
        if problem != self._problem:
            log.warning("readiness.changed", problem=problem or "none: it is ready again")
        self._problem = problem

    def _told(self, breaker: Breaker) -> dict[str, Any]:
        """Say how a vendor that is left alone stands."""
        probe_at = breaker.probe_at or self._clock.now()
        seconds = (probe_at - self._clock.now()).total_seconds()
        return {
            "state": breaker.state,
            "reason": breaker.reason,
            "next_probe_in_seconds": max(0, round(seconds)),
        }

    def _states(self) -> dict[str, Any]:
        return {name: loop.state() for name, loop in self._loops.items()}

    def _asked(self, store: Store) -> dict[str, Any]:
        """Write something, for that is what the relay is for, and take it back; read what waits."""
        with store.connection.transaction(force_rollback=True):
            store.rejections.add({("relay", "probe"): 1}, now=self._clock.now())
            waiting = store.inbox.waiting()
            breakers = store.breakers.tripped()
        age = self._clock.now() - waiting.since if waiting.since else None
        return {
            "waiting": waiting.count,
            "oldest_waiting_seconds": round(age.total_seconds(), 1) if age else 0,
            "breakers": {one.vendor: self._told(one) for one in breakers},
        }
