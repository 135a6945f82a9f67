"""The table of ticks, filled from schedules and runs as Airflow tells them."""

from datetime import timedelta

from include.airflow_api.records import Schedule, ScheduledRun
from include.clock import FixedClock
from include.jobs.reconciliation.ticks import START_TIMEOUT, note_ticks
from include.store.cron_ticks import Tick, TickOutcome
from tests.store.arrivals import NOW

JOB = "luma_auto_approval"
HOUR = timedelta(hours=1)


class Airflow:
    """What the job asks: a schedule, and runs that the test adds."""

    def __init__(self):
        self.runs = []

    def schedules(self):
        """Return one job that starts each hour."""
        return [Schedule(job=JOB, cron="0 * * * *", is_paused=False)]

    def scheduled_runs(self, job, *, since):
        """Return what was added."""
        return [run for run in self.runs if run.run_after >= since]

    def run(self, tick, *, late=timedelta(seconds=2)):
        """Let a tick have a run."""
        started = tick + late
        self.runs.append(
            ScheduledRun(
                dag_run_id=f"scheduled__{tick.isoformat()}",
                run_after=tick,
                started_at=started,
                ended_at=started + timedelta(seconds=5),
            )
        )


def outcomes(store):
    return [(tick.tick_at, tick.outcome) for tick in store.cron_ticks.since(NOW - 9 * HOUR)]


def test_every_tick_has_one_row(store):
    """Looked at late or twice, each tick is there once, with what became of it."""
    airflow, clock = Airflow(), FixedClock(NOW + timedelta(minutes=1))
    airflow.run(NOW)
    note_ticks(store=store, airflow=airflow, clock=clock)
    clock.advance(3 * HOUR + START_TIMEOUT)
    airflow.run(NOW + 2 * HOUR, late=timedelta(minutes=5))
    airflow.run(NOW + 3 * HOUR)

    counts = note_ticks(store=store, airflow=airflow, clock=clock)
    again = note_ticks(store=store, airflow=airflow, clock=clock)

    assert outcomes(store) == [
        (NOW + 3 * HOUR, TickOutcome.RAN),
        (NOW + 2 * HOUR, TickOutcome.LATE),
        (NOW + HOUR, TickOutcome.MISSED),
        (NOW, TickOutcome.RAN),
    ]
    assert counts[TickOutcome.MISSED] == 1
    assert set(again.values()) == {0}


def test_missed_tick_that_ran_after_all(store):
    """The row that said missed says late, once the run is seen; nothing takes that back."""
    airflow, clock = Airflow(), FixedClock(NOW)
    airflow.run(NOW)
    note_ticks(store=store, airflow=airflow, clock=clock)
    clock.advance(HOUR + START_TIMEOUT)
    note_ticks(store=store, airflow=airflow, clock=clock)
    missed = outcomes(store)
    airflow.run(NOW + HOUR, late=timedelta(minutes=45))
    clock.advance(HOUR / 2)

    note_ticks(store=store, airflow=airflow, clock=clock)

    assert missed[0] == (NOW + HOUR, TickOutcome.MISSED)
    assert outcomes(store)[0] == (NOW + HOUR, TickOutcome.LATE)


def test_new_system_has_missed_nothing(store):
    """What was to start before anything ever ran is no tick of ours; the first run is where counting begins."""
    airflow, clock = Airflow(), FixedClock(NOW + timedelta(minutes=1))

    note_ticks(store=store, airflow=airflow, clock=clock)
    nothing = outcomes(store)
    airflow.run(NOW)
    note_ticks(store=store, airflow=airflow, clock=clock)

    assert nothing == []
    assert outcomes(store) == [(NOW, TickOutcome.RAN)]


def test_job_that_never_runs_is_not_silent(store):
    """Once others are noted, a job without any run has its ticks missed."""
    airflow, clock = Airflow(), FixedClock(NOW)
    store.cron_ticks.note([Tick(job="other", tick_at=NOW, outcome=TickOutcome.RAN)], now=NOW)
    clock.advance(timedelta(minutes=15))

    note_ticks(store=store, airflow=airflow, clock=clock)

    assert [tick.outcome for tick in store.cron_ticks.since(NOW) if tick.job == JOB] == [
        TickOutcome.MISSED
    ]
