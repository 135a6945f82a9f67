"""Planned ends of memberships → DAG runs made ahead, one for each; what is due without one gets it now.

One relay does this at a time. A run's id follows from its row, so whoever asks for it again, after a lost
answer or in another relay, asks for the same one. What Airflow does with its runs is not believed but looked
up: a run that somebody has deleted, or that ended without doing anything about its row, is replaced.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from include.errors import AirflowBusyError, AirflowError
from include.membership.ends import EndState
from include.relay.attempts import Attempts
from include.routing import DEACTIVATION

if TYPE_CHECKING:
    from datetime import datetime

    from include.airflow_api.client import AirflowClient
    from include.clock import Clock
    from include.membership.ends import Deactivation
    from include.relay.attempts import FailedAttempt
    from include.settings import Settings
    from include.store import Store
    from include.store.deactivations import RunCancellation

log = structlog.get_logger("relay.deactivations")

BATCH = 50  # runs made ahead in one turn: about a second
OVERDUE_AT_ONCE = 2  # each takes all that is due
SUPERFLUOUS_AFTER = timedelta(seconds=10)  # runs without work have time: what ends now goes first
SILENT_AFTER = timedelta(seconds=30)  # a run that has done nothing for so long is asked about,
CHECK_AFTER = timedelta(seconds=15)  # and so often
LOOK_EVERY = timedelta(seconds=1)  # for such runs; not at each of many notifications
MAX_LOST = 3  # runs that had begun to work on a row, before a person looks
STARTS, CANCELLATIONS, CHECKS = "starts", "cancellations", "checks"


class DeactivationScheduler:
    """Keeps Airflow's runs in line with the table; each relay has one, and one of them leads."""

    def __init__(self, *, airflow: AirflowClient, clock: Clock, settings: Settings) -> None:
        """Start with no trouble known."""
        self._airflow = airflow
        self._clock = clock
        self._lead = timedelta(seconds=settings.deactivation_lead_seconds)
        self._poll_seconds = settings.dispatch_poll_seconds
        self._next_look = clock.now()
        self._has_more = False
        self._attempts = Attempts(clock)

    @property
    def troubles(self) -> dict[str, FailedAttempt]:
        """What does not work now: starts, cancellations or checks."""
        return self._attempts.troubles

    def turn(self, store: Store) -> float:
        """Do what there is to do, if this relay leads; return how many seconds may pass now."""
        if not store.deactivations.try_lead():
            self.troubles.clear()  # they are another relay's now
            return self._poll_seconds
        self._attempts.attempt(CANCELLATIONS, partial(self._cancel_all, store))
        self._attempts.attempt(STARTS, partial(self._start_all, store))
        if self._clock.now() >= self._next_look:
            self._next_look = self._clock.now() + LOOK_EVERY
            self._attempts.attempt(CHECKS, partial(self._check_runs, store))
        if self._has_more and STARTS not in self.troubles:
            return 0.0
        return self._attempts.seconds_until_retry(STARTS, CANCELLATIONS, longest=self._poll_seconds)

    # --- runs that are to be ---

    def _start_all(self, store: Store) -> None:
        """Make runs for what is due, a few, then ahead for what is to come."""
        now = self._clock.now()
        overdue = store.deactivations.overdue(due_by=now, at_once=OVERDUE_AT_ONCE)
        ahead = store.deactivations.ahead(due_after=now, row_limit=BATCH)
        self._has_more = len(ahead) == BATCH
        for row in (*overdue, *ahead):
            self._start(row, store)

    def _start(self, row: Deactivation, store: Store) -> None:
        """Have Airflow keep a run for a row, or write down why it does not."""
        now = self._clock.now()
        run_after = (row.deactivate_at or now) - self._lead
        conf = {"deactivation_id": row.id}
        try:
            self._airflow.start_run(DEACTIVATION, row.next_run_id, conf=conf, run_after=run_after)
        except AirflowError as error:
            store.deactivations.set_problem(row.id, str(error))
            raise
        with store.transaction():
            if not store.deactivations.scheduled(row, now=now):
                self._cancel_stale(row, store, now)
            elif run_after <= now:
                store.deactivations.wake_scheduler()

    def _cancel_stale(self, row: Deactivation, store: Store, now: datetime) -> None:
        """Cancel the run of a row that was moved or revoked while Airflow was asked."""
        current = store.deactivations.get(row.id)
        is_moved = current is None or current.generation != row.generation
        if is_moved or (current and current.state is EndState.REVOKED):
            reason = "its row was moved or revoked meanwhile"
            store.deactivations.cancel_run(row.next_run_id, reason=reason, now=now)

    # --- runs that are not to be any more ---

    def _cancel_all(self, store: Store) -> None:
        """Have Airflow delete the runs that are cancelled; one that it refuses does not hold up the others."""
        refused: AirflowError | None = None
        superfluous_since = self._clock.now() - SUPERFLUOUS_AFTER
        for cancellation in store.deactivations.run_cancellations(
            superfluous_since=superfluous_since
        ):
            try:
                self._cancel_run(cancellation, store)
            except AirflowBusyError:
                raise
            except AirflowError as error:
                refused = error
        if refused is not None:
            raise refused

    def _cancel_run(self, cancellation: RunCancellation, store: Store) -> None:
        """Delete a run; one that has begun is ended first, unless it has work of other rows in its hands."""
        run = cancellation.dag_run_id
        is_gone = self._airflow.delete_run(DEACTIVATION, run)
        if not is_gone and not cancellation.is_optional and not store.deactivations.is_at_work(run):
            self._airflow.end_run(DEACTIVATION, run)
            if not self._airflow.delete_run(DEACTIVATION, run):
                raise AirflowBusyError("the cancelled run goes on")
        store.deactivations.delete_cancellation(run)
        log.info("deactivation.run_cancelled", dag_run_id=run, reason=cancellation.reason)

    # --- runs that go on ---

    def _check_runs(self, store: Store) -> None:
        """Ask Airflow about runs that should have done something; and about each once before it is due."""
        now, table = self._clock.now(), store.deactivations
        late = table.take_silent(
            now=now, due_by=now - SILENT_AFTER, checked_before=now - CHECK_AFTER
        )
        soon = table.take_silent(
            now=now, due_by=now + self._lead - SILENT_AFTER, checked_before=now - self._lead
        )
        for run in late:
            self._check(run, store, is_late=True)
        for run in soon:
            self._check(run, store, is_late=False)

    def _check(self, run: str, store: Store, *, is_late: bool) -> None:
        """Replace a run that Airflow does not have, or has ended without our record of it."""
        state, now = self._airflow.run_state(DEACTIVATION, run), self._clock.now()
        if state is None:
            why = "Airflow does not have its run any more"
        elif state in ("success", "failed"):
            why = f"its run ended as {state} without recording this"
            store.deactivations.mark_lost(run, why=why, now=now)
        else:
            problem = self._problem_of(state, run, store) if is_late else None
            store.deactivations.set_run_problem(run, problem)
            return
        store.deactivations.reschedule(run, why=why, most=MAX_LOST, now=now)
        log.warning("deactivation.lost", dag_run_id=run, state=state)

    def _problem_of(self, state: str, run: str, store: Store) -> str | None:
        """Say why a run has not done yet what it should have; None while it is at it."""
        if state == "queued":
            is_paused = self._airflow.is_paused(DEACTIVATION)
            return "the DAG is paused" if is_paused else "Airflow has not begun its run"
        if store.deactivations.is_at_work(run):
            return None
        return "its run waits longer than it should: is the triggerer there?"
