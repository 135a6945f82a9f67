"""The story of the ticks: a start that nobody made, one that was made late, and the rows that say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from include.stack.demo.stage import Delivery, StoryStoppedError
from include.stack.demo.timeline import Moment
from include.store.cron_ticks import CronTicks, Outcome, Tick

if TYPE_CHECKING:
    from include.stack.demo.stage import Stage

DAG = "alert_rules"  # the job that starts each minute
MINUTE = timedelta(minutes=1)
BEFORE = timedelta(seconds=4)  # a scheduler that is stopped has made no run ahead
LATE = timedelta(seconds=15)
PATIENCE_SECONDS = 90


def missed_and_late(stage: Stage) -> None:
    """Stop Airflow's scheduler over three full minutes: a start is missed, the last one late, and both are told."""
    missed, late = _next_minutes(stage.clock.now())
    delivery = Delivery(title="the scheduler is away", sent_at=missed.timestamp(), dag=DAG)
    stage.deliveries.append(delivery)

    _wait_until(stage, missed - BEFORE)
    stage.processes.stop("scheduler")
    _wait_until(stage, late + LATE)
    stage.processes.start("scheduler")
    stage.wait("the late run", lambda: _has_started(stage, late), PATIENCE_SECONDS)
    stage.start("reconciliation looks", "reconciliation", vendor="stripe")

    found = {
        tick.tick_at: tick for tick in CronTicks(stage.database).since(missed) if tick.job == DAG
    }
    delivery.moments = [_moment(found[at]) for at in (missed, late) if at in found]
    outcomes = [found[at].outcome if at in found else None for at in (missed, late)]
    stage.expect("what became of the two minutes", outcomes, [Outcome.MISSED, Outcome.LATE])
    delivery.seconds = float((found[late].late_seconds or 0) if late in found else 0)
    stage.expect(
        "whether the late one is late", delivery.seconds >= LATE.total_seconds(), wanted=True
    )


def _next_minutes(now: datetime) -> tuple[datetime, datetime]:
    """Return the next full minute that leaves time to stop the scheduler before it, and the last that it is away.

    What becomes of the minute between them is chance: back again, Airflow makes up for the last tick, and for the
    one that the DAG processor noted last.
    """
    first = (now + BEFORE * 2).replace(second=0, microsecond=0) + MINUTE
    return first, first + 2 * MINUTE


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


def _moment(tick: Tick) -> Moment:
    """Say a tick as `./ops ticks` does."""
    late = f" by {tick.late_seconds} s" if tick.late_seconds else ""
    why = f": {tick.reason}" if tick.reason else ""
    at = tick.tick_at.astimezone(UTC)
    return Moment(at=at.timestamp(), what=f"{tick.job} of {at:%H:%M}: {tick.outcome}{late}{why}")
