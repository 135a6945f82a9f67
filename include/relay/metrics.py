"""`GET /metrics` and `GET /health/jobs`: what the tables say, with what Airflow said last.

The tables are read at most every few seconds, whoever asks how often; Airflow is never waited for: `watch`
asks it. These are for inside: a proxy lets the world see `/webhooks/…` only.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import psycopg

from include.relay.cached_probe import CachedProbe
from include.relay.exposition import exposition
from include.relay.job_health import (
    WINDOW,
    HealthFacts,
    HealthStatus,
    JobHealth,
    assess,
    assess_job,
)
from include.store.metrics import measure_all, numbers, open_breakers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.clock import Clock
    from include.relay.airflow_health import AirflowHealth
    from include.relay.health_monitor import HealthMonitor
    from include.store import Store
    from include.store.metrics import Measurement

FRESH_SECONDS: Final = 5.0
SHORT_WINDOW: Final = timedelta(minutes=5)
DAY: Final = timedelta(days=1)
REPORTS: Final = (
    10  # of the reconciliation: one that goes on, or did not come to its end, is passed over
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TablesRead:
    """What the tables said."""

    facts: HealthFacts
    recent: dict[str | None, Measurement]


class RelayMetrics:
    """Answers both, from one look."""

    def __init__(
        self,
        connect: Callable[[], Store],
        *,
        watch: HealthMonitor,
        clock: Clock,
        timeout_seconds: float,
    ) -> None:
        """Ask over connections of its own."""
        self._connect = connect
        self._watch = watch
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._look = CachedProbe(self._read, fresh_seconds=FRESH_SECONDS)

    async def metrics(self) -> str | None:
        """Return the numbers as Prometheus reads them; None while the database does not answer."""
        try:
            read = await self._look(timeout_seconds=self._timeout_seconds)
        except (TimeoutError, psycopg.Error):
            return None
        facts = replace(read.facts, health=self._watch.health)
        return exposition({"1h": facts.jobs, "5m": read.recent}, facts)

    async def health(self) -> dict[str, Any]:
        """Return the status, its reasons, and each job's; whatever is down."""
        try:
            read = await self._look(timeout_seconds=self._timeout_seconds)
        except (TimeoutError, psycopg.Error) as error:
            return _unknown(error, self._watch.health)
        facts = replace(read.facts, health=self._watch.health)
        jobs = {job: one for job, one in facts.jobs.items() if job}
        return {
            **_document(assess(facts)),
            "at": facts.at.isoformat(timespec="seconds"),
            "all_jobs": numbers(facts.jobs[None]),
            "jobs": {
                job: {**_document(assess_job(one)), **_told(one)} for job, one in jobs.items()
            },
            "airflow": _airflow(facts.health),
            "breakers": {one.vendor: one.state for one in facts.breakers},
            "alarms": {one.name: one.words for one in facts.alarms},
        }

    def _read(self) -> TablesRead:
        now = self._clock.now()
        with closing(self._connect()) as store:
            facts = facts_in(store, health=self._watch.health, now=now)
            return TablesRead(facts=facts, recent=measure_all(store, now=now, window=SHORT_WINDOW))


def facts_in(store: Store, *, health: AirflowHealth, now: datetime) -> HealthFacts:
    """Return what is assessed, from the tables and from what Airflow said."""
    reports = store.reconciliations.latest(REPORTS)
    return HealthFacts(
        at=now,
        jobs=measure_all(store, now=now, window=WINDOW),
        breakers=tuple(open_breakers(store, now=now)),
        reconciled_at=next((one.finished_at for one in reports if one.finished_at), None),
        health=health,
        alarms=tuple(store.relay_alarms.firing()),
        silences=tuple(store.webhooks.silences()),
        unrouted=tuple(store.webhooks.unrouted(since=now - DAY)),
        refused=tuple(store.rejections.read(since=now - DAY)),
        findings={str(kind): count for kind, count in store.findings.counts().items()},
    )


def _document(assessed: JobHealth) -> dict[str, Any]:
    return {"status": str(assessed.status), "reasons": list(assessed.reasons)}


def _told(measured: Measurement) -> dict[str, Any]:
    last = measured.last_error
    error = last and {
        "at": last.at.isoformat(timespec="seconds"),
        "dag_run_id": last.dag_run_id,
        "error_class": last.error_class,
        "reason": last.reason,
    }
    return {**numbers(measured), "last_error": error}


def _airflow(health: AirflowHealth) -> dict[str, Any]:
    return {
        "answers": health.problem is None,
        "problem": health.problem,
        "parts": dict(health.parts),
    }


def _unknown(error: Exception, health: AirflowHealth) -> dict[str, Any]:
    """Return what is left to say without the tables."""
    reasons = [f"the database does not answer ({type(error).__name__})"]
    if health.problem:
        reasons.append(health.problem)
    assessed = JobHealth(status=HealthStatus.UNHEALTHY, reasons=tuple(reasons))
    return {**_document(assessed), "airflow": _airflow(health)}
