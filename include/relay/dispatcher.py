"""Inbox rows that are due → DAG runs: all that wait in one, and few at once.

A claim is committed before Airflow is asked, and its run's id follows from its rows. So whoever dies in
between, and whichever answer is lost, the run is asked for again under the same id by whatever relay sees it:
Airflow starts it once and answers 409 to the others.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from include.errors import AirflowError
from include.relay.attempts import Attempts
from include.routing import JOBS, RETRY

if TYPE_CHECKING:
    from include.airflow_api.client import AirflowClient
    from include.clock import Clock
    from include.relay.attempts import FailedAttempt
    from include.settings import Settings
    from include.store import Store
    from include.store.dispatches import Claim

log = structlog.get_logger("relay.dispatcher")

ADOPT_AFTER = timedelta(seconds=10)  # a claim this old that nobody has tried: its relay is gone
CHECK_AFTER = timedelta(seconds=15)  # a run that has been silent so long is asked about
LOOK_EVERY = timedelta(seconds=1)  # for such runs; not at each of many notifications


class Dispatcher:
    """Decides what is started now; each relay has one, and they agree through the database."""

    def __init__(self, *, airflow: AirflowClient, clock: Clock, settings: Settings) -> None:
        """Start with no trouble known."""
        self._airflow = airflow
        self._clock = clock
        self._settings = settings
        self._next_look = clock.now()
        self._attempts = Attempts(clock)

    @property
    def troubles(self) -> dict[str, FailedAttempt]:
        """What does not work now, by job."""
        return self._attempts.troubles

    def turn(self, store: Store) -> float:
        """Start what can be started, look after what goes on; return how many seconds may pass now."""
        for job in JOBS:
            self._attempts.attempt(job, partial(self._start_all, job, store))
        self._attempts.attempt(RETRY, partial(self._start_all, RETRY, store))
        if self._clock.now() >= self._next_look:
            self._next_look = self._clock.now() + LOOK_EVERY
            self._attempts.attempt("checks", partial(self._check_runs, store))
        return min(self._seconds_until_due(job, store) for job in (*JOBS, RETRY))

    def _start_all(self, job: str, store: Store) -> None:
        """Start what was claimed and not started, then what is due, as far as the limit goes."""
        claimed_before = self._clock.now() - ADOPT_AFTER
        for claim in store.dispatches.unstarted(job, claimed_before=claimed_before):
            self._start(job, claim, store)
        while due := self._claim(job, store):
            self._start(job, due, store)

    def _claim(self, job: str, store: Store) -> Claim | None:
        if job == RETRY:
            return store.dispatches.claim_retry(
                job,
                now=self._clock.now(),
                max_in_flight=self._settings.retry_max_in_flight,
                member_limit=self._settings.member_runs_per_minute,
            )
        return store.dispatches.claim(
            job,
            now=self._clock.now(),
            max_in_flight=self._settings.dispatch_max_in_flight,
            batch_size=self._settings.dispatch_batch_size,
            min_batch_size=self._settings.dispatch_min_batch_size,
            member_limit=self._settings.member_runs_per_minute,
        )

    def _start(self, job: str, claim: Claim, store: Store) -> None:
        """Have Airflow run a claim, or write down why it does not."""
        try:
            self._airflow.start_run(job, claim.dag_run_id, conf={"inbox_ids": claim.inbox_ids})
        except AirflowError as error:
            store.dispatches.set_problem(claim.dag_run_id, str(error))
            raise
        store.dispatches.started(claim.dag_run_id, now=self._clock.now())

    def _check_runs(self, store: Store) -> None:
        """Ask Airflow about the runs that have been silent for a while."""
        now = self._clock.now()
        store.dispatches.close_empty(now=now)
        unchecked = store.dispatches.take_unchecked(now=now, checked_before=now - CHECK_AFTER)
        for dag_run_id, job in unchecked:
            self._check(job, dag_run_id, store)

    def _check(self, job: str, dag_run_id: str, store: Store) -> None:
        """Close a run that Airflow has ended, or does not have, without our record of it."""
        state, now = self._airflow.run_state(job, dag_run_id), self._clock.now()
        if state in (None, "success", "failed"):
            store.job_runs.close_lost(job, dag_run_id, airflow_state=state, now=now)
        if state is None:
            store.dispatches.requeue(dag_run_id, now=now)
            log.warning("dispatch.gone", job=job, dag_run_id=dag_run_id)
        elif state in ("success", "failed"):
            reason = f"the run ended as {state} without recording this"
            store.dispatches.mark_lost(dag_run_id, reason=reason, now=now)
            log.warning("dispatch.lost", job=job, dag_run_id=dag_run_id, state=state)
        else:
            is_paused = state == "queued" and self._airflow.is_paused(job)
            store.dispatches.set_problem(dag_run_id, "the DAG is paused" if is_paused else None)

    def _seconds_until_due(self, job: str, store: Store) -> float:
        """Return how long nothing can be due; a row that is due already waits for a run to end."""
        now, longest = self._clock.now(), self._settings.dispatch_poll_seconds
        trouble = self.troubles.get(job)
        next_due = store.inbox.next_retry() if job == RETRY else store.inbox.next_due(job)
        due = trouble.retry_at if trouble else next_due
        return min((due - now).total_seconds(), longest) if due and due > now else longest
