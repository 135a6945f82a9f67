"""The story of the ticks: a start that nobody made, one that was made late, and the rows that say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from include.lab.demo.stage import DeliveryRound, StoryStoppedError
from include.lab.demo.timeline import TimelineMoment
from include.store.cron_ticks import CronTicks, Tick, TickOutcome

if TYPE_CHECKING:
    from include.lab.demo.stage import Stage

DAG = "alert_rules"  # the job that starts each minute
MINUTE = timedelta(minutes=1)
BEFORE = timedelta(seconds=4)  # a scheduler that is stopped has made no run ahead
LATE = timedelta(seconds=15)
PATIENCE_SECONDS = 90


def missed_and_late(stage: Stage) -> None:
    """Stop Airflow's scheduler over three full minutes: a start is missed, the last one late, and both are told."""
    minutes = _next_minutes(stage.clock.now())
    first, *_, last = minutes
    delivery = DeliveryRound(title="the scheduler is away", sent_at=first.timestamp(), dag=DAG)
    stage.deliveries.append(delivery)

    _wait_until(stage, first - BEFORE)
    stage.processes.stop("scheduler")
    _wait_until(stage, last + LATE)
    stage.processes.start("scheduler")
    stage.wait("the late run", lambda: _has_started(stage, last), PATIENCE_SECONDS)
    stage.start("reconciliation looks", "reconciliation", vendor="stripe")

    ticks = [one for one in CronTicks(stage.database).since(first) if one.job == DAG]
    found = {tick.tick_at: tick for tick in ticks}
    told = [found[at] for at in minutes if at in found]
    delivery.moments = [_moment(tick) for tick in told]
    was_missed = any(tick.outcome == TickOutcome.MISSED for tick in told)
    stage.expect("whether a start was missed", was_missed, wanted=True)
    outcome = found[last].outcome if last in found else None
    stage.expect("what became of the last", outcome, TickOutcome.LATE)
    delivery.seconds = float((found[last].late_seconds or 0) if last in found else 0)
    stage.expect(
        "whether the late one is late", delivery.seconds >= LATE.total_seconds(), wanted=True
    )


def _next_minutes(now: datetime) -> list[datetime]:
    """Return the three full minutes that the scheduler is away: the first leaves time to stop it before it.

    Back again, Airflow makes up for the last tick, and before it for the one that was noted last: by the scheduler,
    which is the first, or by the DAG processor where it has read the file since. The others are missed.
    """
    first = (now + BEFORE * 2).replace(second=0, microsecond=0) + MINUTE
    return [first + number * MINUTE for number in range(3)]


def _wait_until(stage: Stage, moment: datetime) -> None:
    seconds = (moment - stage.clock.now()).total_seconds()
    stage.wait(f"{moment:%H:%M:%S}", lambda: stage.clock.now() >= moment, seconds + 5)


def _has_started(stage: Stage, tick_at: datetime) -> bool:
    since = tick_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"/dags/{DAG}/dagRuns?run_type=scheduled&run_after_gte={since}"
    answer = stage.airflow.ask("GET", path)
    if not answer.is_success:
        raise StoryStoppedError(f"Airflow answers {answer.status_code} about the runs of {DAG}")
    return any(run["start_date"] for run in answer.json()["dag_runs"])


def _moment(tick: Tick) -> TimelineMoment:
    """Say a tick as `./ops ticks` does."""
    late = f" by {tick.late_seconds} s" if tick.late_seconds else ""
    why = f": {tick.reason}" if tick.reason else ""
    at = tick.tick_at.astimezone(UTC)
    return TimelineMoment(
        at=at.timestamp(), what=f"{tick.job} of {at:%H:%M}: {tick.outcome}{late}{why}"
    )
