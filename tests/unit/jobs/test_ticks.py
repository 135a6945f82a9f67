"""What became of each tick of a schedule: ran, late, skipped or missed, and why."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from include.airflow_api.records import Schedule, ScheduledRun
from include.jobs.reconciliation.ticks import Noted, judged, ticks_between
from include.store.cron_ticks import TickOutcome

NINE = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LUMA = Schedule(job="luma_auto_approval", cron="0 9,21 * * *", is_paused=False)
EVERY_MINUTE = Schedule(job="alert_rules", cron="* * * * *", is_paused=False)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def a_run(tick=NINE, *, after=timedelta(seconds=1), lasts=timedelta(seconds=20)):
    """Build the run of a tick, begun so long after it; `lasts=None`: still going."""
    started = None if after is None else tick + after
    ended = started + lasts if started and lasts else None
    return ScheduledRun(
        dag_run_id=f"scheduled__{tick:%H%M}", run_after=tick, started_at=started, ended_at=ended
    )


def judge(*runs, schedule=LUMA, noted=None, starts=(), now=NINE + HOUR):
    noted = noted or Noted(until=NINE - HOUR, missed=frozenset())
    own = [run.started_at for run in runs if run.started_at]
    return list(judged(schedule, runs, noted, starts=[*own, *starts], now=now))


def test_run_in_time():
    """One row, with the run and how late it was."""
    [tick] = judge(a_run())

    assert (tick.outcome, tick.tick_at, tick.late_seconds) == (TickOutcome.RAN, NINE, 1)
    assert (tick.dag_run_id, tick.reason) == ("scheduled__0900", None)


def test_late_run():
    """The scheduler was down over 09:00 and started the run when it was back."""
    [tick] = judge(a_run(after=timedelta(minutes=25)))

    assert (tick.outcome, tick.late_seconds) == (TickOutcome.LATE, 1500)


def test_late_is_a_share_of_the_pace():
    """A minute's delay is nothing to a job of twice a day; for one of each minute it is a tick lost."""
    late = timedelta(seconds=15)
    noted = Noted(until=NINE - MINUTE, missed=frozenset())

    [slow] = judge(a_run(after=late))
    [fast] = judge(
        a_run(after=late), schedule=EVERY_MINUTE, noted=noted, now=NINE + timedelta(seconds=30)
    )

    assert (slow.outcome, fast.outcome) == (TickOutcome.RAN, TickOutcome.LATE)


def test_missed_tick_says_what_was_seen():
    """No run: whether Airflow did anything at that time tells where to look."""
    [down] = judge()
    [other] = judge(starts=[NINE + timedelta(seconds=30)])

    assert down.outcome == other.outcome == TickOutcome.MISSED
    assert "was down" in down.reason
    assert "import errors" in other.reason


def test_tick_of_a_paused_dag_is_skipped():
    """A person has paused it; nobody is to be alarmed."""
    paused = Schedule(job=LUMA.job, cron=LUMA.cron, is_paused=True)

    [tick] = judge(schedule=paused)

    assert (tick.outcome, tick.reason) == (TickOutcome.SKIPPED, "the DAG is paused")


def test_tick_while_the_run_before_goes_on_is_skipped():
    """No overlap: the tick is passed over, and the row names the run that was in the way."""
    long = a_run(NINE, lasts=timedelta(minutes=3))
    noted = Noted(until=NINE - MINUTE, missed=frozenset())

    ticks = judge(long, schedule=EVERY_MINUTE, noted=noted, now=NINE + timedelta(minutes=2.5))
    later = judge(
        long,
        a_run(NINE + 3 * MINUTE),
        schedule=EVERY_MINUTE,
        noted=noted,
        now=NINE + timedelta(minutes=3.5),
    )

    assert [tick.outcome for tick in ticks] == [TickOutcome.RAN]  # 09:01 may still start
    skipped = TickOutcome.SKIPPED  # nothing makes up for a tick once a later one has run
    assert [tick.outcome for tick in later] == [TickOutcome.RAN, skipped, skipped, TickOutcome.RAN]
    assert later[1].reason == "the run scheduled__0900 was still going"


def test_tick_without_run_is_not_judged_at_once():
    """A run may still come; the tick waits, and those after it with it."""
    assert judge(now=NINE + 5 * MINUTE) == []
    assert judge(a_run(after=None), now=NINE + 5 * MINUTE) == []


def test_run_that_came_after_all_replaces_what_was_missed():
    """Airflow makes up for the last tick when it is back, however late."""
    noted = Noted(until=NINE + HOUR, missed=frozenset({NINE}))

    [tick] = judge(a_run(after=2 * HOUR), noted=noted, now=NINE + 3 * HOUR)

    assert (tick.outcome, tick.late_seconds) == (TickOutcome.LATE, 7200)
    assert judge(noted=noted, now=NINE + 3 * HOUR) == []


def test_ticks_are_utc_instants():
    """Through the night in which clocks change there are two ticks a day, twelve hours apart."""
    start = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)

    ticks = list(ticks_between(LUMA.cron, start, start + timedelta(days=2)))

    assert [tick.hour for tick in ticks] == [21, 9, 21, 9]
    assert {b - a for a, b in pairwise(ticks)} == {timedelta(hours=12)}
