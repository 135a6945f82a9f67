"""What became of each expected start of the scheduled jobs, from their own schedules and Airflow's runs.

For every tick there is a row: it ran, ran late by so many seconds, was skipped (why) or missed (why). A tick is judged
once its run has started; without one when a later tick has a run, because no DAG makes up for more than the last tick,
or when `START_TIMEOUT` is over. A run that comes after that still replaces `missed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from croniter import croniter

from include.store.cron_ticks import Tick, TickOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from include.airflow_api.client import AirflowClient
    from include.airflow_api.records import Schedule, ScheduledRun
    from include.clock import Clock
    from include.store import Store

LATE_SHARE = 0.2  # of the time to the next tick
LATE_AFTER = timedelta(seconds=60)  # at the most
START_TIMEOUT = timedelta(minutes=10)
MAX_LOOK_BACK = timedelta(days=7)
"""How far back ticks are looked for that nobody noted: after a long outage the older ones stay unknown."""
FIRST_LOOK = timedelta(minutes=20)  # more than between two looks
NEARBY = timedelta(minutes=2)
JUST_BEFORE = timedelta(microseconds=1)
FAR_AHEAD = datetime.max.replace(tzinfo=UTC)


def note_ticks(*, store: Store, airflow: AirflowClient, clock: Clock) -> dict[TickOutcome, int]:
    """Judge all ticks since the last that is noted, and again those that were missed; count the new ones."""
    now = clock.now()
    schedules = airflow.schedules()
    found = {
        one.job: _runs_since(one.job, store=store, airflow=airflow, now=now) for one in schedules
    }
    starts = [run.started_at for runs in found.values() for run in runs if run.started_at]
    counts = dict.fromkeys(TickOutcome, 0)
    unseen_since = now - FIRST_LOOK if store.cron_ticks.any() else now
    for schedule in schedules:
        noted = _noted(
            schedule.job, found[schedule.job], store=store, unseen_since=unseen_since, now=now
        )
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


def _noted(
    job: str,
    runs: Sequence[ScheduledRun],
    *,
    store: Store,
    unseen_since: datetime,
    now: datetime,
) -> Noted:
    """Return what is known; a job that was never looked at begins with its first run."""
    earliest = now - MAX_LOOK_BACK
    last = store.cron_ticks.last(job)
    if last is not None:
        until = max(last, earliest)
    elif runs:
        until = min(run.run_after for run in runs) - JUST_BEFORE
    else:
        until = unseen_since
    return Noted(until=until, missed=frozenset(store.cron_ticks.missed(job, since=earliest)))


def _runs_since(
    job: str, *, store: Store, airflow: AirflowClient, now: datetime
) -> Sequence[ScheduledRun]:
    earliest = now - MAX_LOOK_BACK
    last = store.cron_ticks.last(job) or earliest
    since = min([max(last, earliest), *store.cron_ticks.missed(job, since=earliest)])
    return airflow.scheduled_runs(job, since=since - START_TIMEOUT)


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
    newest = max((run.run_after for run in runs if run.started_at), default=None)
    for tick_at in sorted({*noted.missed, *ticks_between(schedule.cron, noted.until, now)}):
        run = by_tick.get(tick_at)
        if run is not None and run.started_at is not None:
            yield _with_run(schedule, tick_at, run, run.started_at)
        elif tick_at in noted.missed:
            continue
        elif now - tick_at >= START_TIMEOUT or (
            run is None and newest is not None and tick_at < newest
        ):
            yield _without_run(schedule, tick_at, by_tick, starts)
        else:
            return  # it may still start; it is judged next time, and those after it


def ticks_between(cron: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the ticks of a cron line in UTC, later than `after` and not later than `until`."""
    line: Any = croniter(cron, after.astimezone(UTC))
    while (tick := line.get_next(type(after))) <= until:
        yield tick


def _with_run(
    schedule: Schedule, tick_at: datetime, run: ScheduledRun, started_at: datetime
) -> Tick:
    late = started_at - tick_at
    is_late = late > min(LATE_AFTER, LATE_SHARE * _interval(schedule, tick_at))
    return Tick(
        job=schedule.job,
        tick_at=tick_at,
        outcome=TickOutcome.LATE if is_late else TickOutcome.RAN,
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
        outcome, reason = TickOutcome.SKIPPED, f"the run {before.dag_run_id} was still going"
    elif schedule.is_paused:
        outcome, reason = TickOutcome.SKIPPED, "the DAG is paused"
    elif any(abs(start - tick_at) <= _near(schedule, tick_at) for start in starts):
        outcome = TickOutcome.MISSED
        reason = "Airflow started other jobs at that time: see the DAG's import errors"
    else:
        outcome = TickOutcome.MISSED
        reason = "Airflow started nothing at that time: scheduler or DAG processor was down"
    return Tick(job=schedule.job, tick_at=tick_at, outcome=outcome, reason=reason)


def _interval(schedule: Schedule, tick_at: datetime) -> timedelta:
    """Return the time to the next tick."""
    return next(ticks_between(schedule.cron, tick_at, FAR_AHEAD)) - tick_at


def _near(schedule: Schedule, tick_at: datetime) -> timedelta:
    """Return how far from a tick a start of another run says that Airflow was up at it."""
    return min(NEARBY, _interval(schedule, tick_at) / 2)


def _is_going_at(moment: datetime, run: ScheduledRun) -> bool:
    if run.started_at is None or run.started_at > moment:
        return False
    return run.ended_at is None or run.ended_at > moment
