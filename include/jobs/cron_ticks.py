"""What became of each expected start of the scheduled jobs, from their own schedules and Airflow's runs.

For every tick there is a row: it ran, ran late by so many seconds, was skipped (why) or missed (why). A tick is judged
once its run has started, or when `PATIENCE` is over without one; a run that comes after that still replaces `missed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from croniter import croniter

from include.store.cron_ticks import Outcome, Tick

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from include.clock import Clock
    from include.store import Store

LATE_AFTER = timedelta(seconds=60)
PATIENCE = timedelta(minutes=10)
LONGEST_LOOK = timedelta(days=7)
"""How far back ticks are looked for that nobody noted: after a long outage the older ones stay unknown."""
NEARBY = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a job starts by itself: a five-field cron line, in UTC."""

    job: str
    cron: str
    is_paused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledRun:
    """A run that Airflow's scheduler made for the tick `run_after`."""

    dag_run_id: str
    run_after: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Airflow(Protocol):
    """What is asked of Airflow."""

    def schedules(self) -> Sequence[Schedule]:
        """Return the schedules of all jobs that have one."""
        ...

    def scheduled_runs(self, job: str, *, since: datetime) -> Sequence[ScheduledRun]:
        """Return the job's scheduled runs whose tick is not before `since`."""
        ...


def note_ticks(*, store: Store, airflow: Airflow, clock: Clock) -> dict[Outcome, int]:
    """Judge all ticks since the last that is noted, and again those that were missed; count the new ones."""
    now = clock.now()
    schedules = airflow.schedules()
    found = {one.job: _runs_since(one, store=store, airflow=airflow, now=now) for one in schedules}
    starts = [run.started_at for runs in found.values() for run in runs if run.started_at]
    counts = dict.fromkeys(Outcome, 0)
    for schedule in schedules:
        noted = _noted(schedule.job, store, now)
        ticks = list(judged(schedule, found[schedule.job], noted, starts=starts, now=now))
        store.cron_ticks.note(ticks, now=now)
        for tick in ticks:
            counts[tick.outcome] += 1
    return counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """What is known of a job's ticks already: all up to `until`, but these."""

    until: datetime
    missed: frozenset[datetime]


def _noted(job: str, store: Store, now: datetime) -> Noted:
    earliest = now - LONGEST_LOOK
    last = store.cron_ticks.last(job)
    # A job that was never looked at begins now, less what it may have started a moment ago.
    until = max(last, earliest) if last else now - PATIENCE
    return Noted(until=until, missed=frozenset(store.cron_ticks.missed(job, since=earliest)))


def _runs_since(
    schedule: Schedule, *, store: Store, airflow: Airflow, now: datetime
) -> Sequence[ScheduledRun]:
    noted = _noted(schedule.job, store, now)
    since = min([noted.until, *noted.missed])
    return airflow.scheduled_runs(schedule.job, since=since - PATIENCE)


def judged(
    schedule: Schedule,
    runs: Sequence[ScheduledRun],
    noted: Noted,
    *,
    starts: Sequence[datetime],
    now: datetime,
) -> Iterator[Tick]:
    """Yield what became of each tick that can be judged now.

    `starts` are when runs of any job began: they tell whether Airflow was up around a tick.
    """
    by_tick = {run.run_after: run for run in runs}
    for tick_at in sorted({*noted.missed, *ticks_between(schedule.cron, noted.until, now)}):
        run = by_tick.get(tick_at)
        if run is not None and run.started_at is not None:
            yield _with_run(schedule.job, tick_at, run, run.started_at)
        elif now - tick_at >= PATIENCE and tick_at not in noted.missed:
            yield _without_run(schedule, tick_at, by_tick, starts)
        elif tick_at not in noted.missed:
            return  # it may still start; it is judged next time, and those after it


def ticks_between(cron: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the ticks of a cron line in UTC, later than `after` and not later than `until`."""
    line: Any = croniter(cron, after.astimezone(UTC))
    while (tick := line.get_next(type(after))) <= until:
        yield tick


def _with_run(job: str, tick_at: datetime, run: ScheduledRun, started_at: datetime) -> Tick:
    late = started_at - tick_at
    is_late = late > LATE_AFTER
    return Tick(
        job=job,
        tick_at=tick_at,
        outcome=Outcome.LATE if is_late else Outcome.RAN,
        dag_run_id=run.dag_run_id,
        started_at=started_at,
        late_seconds=max(0, round(late.total_seconds())),
        reason="Airflow started it late" if is_late else None,
    )


def _without_run(
    schedule: Schedule,
    tick_at: datetime,
    by_tick: Mapping[datetime, ScheduledRun],
    starts: Sequence[datetime],
) -> Tick:
    before = next((run for run in by_tick.values() if _is_going_at(tick_at, run)), None)
    if before is not None:
        outcome, reason = Outcome.SKIPPED, f"the run {before.dag_run_id} was still going"
    elif schedule.is_paused:
        outcome, reason = Outcome.SKIPPED, "the DAG is paused"
    elif any(abs(start - tick_at) <= NEARBY for start in starts):
        outcome = Outcome.MISSED
        reason = "Airflow started other jobs at that time: see the DAG's import errors"
    else:
        outcome = Outcome.MISSED
        reason = "Airflow started nothing at that time: scheduler or DAG processor was down"
    return Tick(job=schedule.job, tick_at=tick_at, outcome=outcome, reason=reason)


def _is_going_at(moment: datetime, run: ScheduledRun) -> bool:
    if run.started_at is None or run.started_at > moment:
        return False
    return run.ended_at is None or run.ended_at > moment
