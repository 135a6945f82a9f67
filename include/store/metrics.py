"""How the jobs do, in numbers: what metrics, health and alert rules look at. `docs/metrics.md` defines each one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from include.routing import job_from
from include.store.rejections import AGAIN
from include.store.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.store import Store

SQL = queries("metrics")

WATCHERS: Final = frozenset({"alert_rules", "reconciliation"})
"""Jobs that look after others: they run all the time, so they would make everything look well and never idle.

They have numbers of their own, and no part in those of all jobs."""


SLA: Final = timedelta(minutes=2)
"""The promise to members: from the webhook received to the row processed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LastError:
    """The last run that failed or was lost."""

    job: str
    dag_run_id: str
    at: datetime
    error_class: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenBreaker:
    """A vendor that is not called for a while, because calls failed."""

    vendor: str
    state: str  # open, probing
    opened_at: datetime | None
    reason: str | None
    probe_at: datetime | None = None  # when it is tried again
    paused_by: str | None = None  # a person, until `probe_at`
    paused_why: str | None = None
    row_count: int = 0  # that wait for it, or are in the hands of a run that does not get through
    member_count: int = 0  # whose they are
    some_members: Sequence[UUID] | None = None  # of those


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One job's numbers, or (job None) those of all that are not watchers; None: nothing to say it of."""

    job: str | None
    at: datetime
    window: timedelta

    # runs that ended in the window; each once, whatever was tried again in it
    total_runs: int = 0
    success_count: int = 0
    failure_count: int = 0  # failed or lost
    lost_count: int = 0
    average_seconds: float | None = None
    p95_seconds: float | None = None

    # inbox rows that ended in the window
    latency_p50_seconds: float | None = None
    latency_p95_seconds: float | None = None
    late_count: int = 0  # later than SLA
    error_rate: float | None = None

    # now
    running_jobs: int = 0
    queued_jobs: int = 0
    oldest_waiting_seconds: float = 0.0
    dlq_count: int = 0

    # of webhooks, which are no job's: with those of all jobs only
    refused_count: int = 0  # in the window
    missed_events: int = 0  # in the window
    silent_minutes: float = 0.0  # now
    last_error: LastError | None = None

    @property
    def success_rate(self) -> float | None:
        """Return the share of ended runs that ended well."""
        return self.success_count / self.total_runs if self.total_runs else None

    @property
    def failure_rate(self) -> float | None:
        """Return the share of ended runs that failed or were lost."""
        return self.failure_count / self.total_runs if self.total_runs else None

    @property
    def last_error_age_seconds(self) -> float | None:
        """Return how long ago the last run failed."""
        return (self.at - self.last_error.at).total_seconds() if self.last_error else None


NUMBERS: Final = (
    *(
        field.name
        for field in fields(Measurement)
        if field.name not in {"job", "at", "window", "last_error"}
    ),
    *("success_rate", "failure_rate", "last_error_age_seconds"),
)
"""The names of all numbers of a measurement."""


def numbers(measured: Measurement) -> dict[str, float | None]:
    """Return the numbers by their names, as conditions of alert rules speak of them."""
    return {name: getattr(measured, name) for name in NUMBERS}


def measure(
    store: Store, *, now: datetime, window: timedelta, job: str | None = None
) -> Measurement:
    """Return one job's numbers, written as people write it (`mailchimp-sync`), or those of all jobs."""
    name = None if job is None else job_from(job)
    return measure_all(store, now=now, window=window).get(name) or Measurement(
        job=name, at=now, window=window
    )


def measure_all(store: Store, *, now: datetime, window: timedelta) -> dict[str | None, Measurement]:
    """Return the numbers of every job that has any, and under None those of all jobs.

    Runs and rows that ended are those of the window that ends at `now`, also where that is in the
    past; queue and dead letters are those of the present. A handful of statements on partial indexes.
    """
    connection, since = store.connection, now - window
    errors = [LastError(**row) for row in SQL.read_last_errors(connection, now=now)]
    sources: list[Iterable[Mapping[str, Any]]] = [
        SQL.read_ended(connection, since=since, now=now, watchers=list(WATCHERS)),
        SQL.read_running(connection, now=now, watchers=list(WATCHERS)),
        SQL.read_queue(connection, now=now),
        SQL.read_rows(connection, since=since, now=now, sla_seconds=SLA.total_seconds()),
        [{"job": error.job, "last_error": error} for error in errors],
        [{"job": None, "last_error": error} for error in _of_all(errors)],
        SQL.count_dead_letters(connection),
        SQL.read_webhooks(connection, since=since, now=now, again=AGAIN),
    ]
    found: dict[str | None, dict[str, Any]] = {None: {}}
    for row in (row for source in sources for row in source):
        found.setdefault(row["job"], {}).update(row)
    return {
        job: Measurement(**{**values, "job": job, "at": now, "window": window})
        for job, values in found.items()
    }


def open_breakers(store: Store, *, now: datetime) -> list[OpenBreaker]:
    """Return the vendors that are not called now."""
    return [OpenBreaker(**row) for row in SQL.read_breakers(store.connection, now=now)]


def outages(store: Store, *, now: datetime) -> dict[str, datetime | None]:
    """Return since when each vendor that is not called now is down, or paused."""
    return {one.vendor: one.opened_at for one in open_breakers(store, now=now)}


def _of_all(errors: Iterable[LastError]) -> list[LastError]:
    """Return the last error of all jobs but the watchers, if there is one; the newest comes first."""
    return [error for error in errors if error.job not in WATCHERS][:1]
