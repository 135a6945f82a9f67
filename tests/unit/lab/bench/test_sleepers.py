"""What is made of the sleepers' measurements, and how they are watched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.lab.bench import sleepers
from include.lab.bench.errors import BenchError
from include.lab.bench.footprint import Footprint
from include.lab.bench.plain_dags.plain_deactivation import plain_deactivation
from include.lab.bench.processes import Memory
from include.lab.bench.sleepers import (
    DueAtOnce,
    EndTimes,
    SleepersResult,
    StackState,
    lags,
    summary,
)

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def a_state(latencies, pss, idle):
    """Make what was seen of a stack."""
    memory = Memory(pss=pss, processes=dict.fromkeys(pss, 1))
    return StackState(
        latencies=latencies, footprint=Footprint(memory=memory, idle_cpu={"all": idle})
    )


FOUND = SleepersResult(
    count=1024,
    create_seconds=30.04,
    create_cpu_seconds=20.48,
    without=a_state([1.0, 2.0, 3.0], {"relay": 60.0, "scheduler": 200.0}, 0.05),
    beside=a_state([1.0, 2.1, 9.0], {"relay": 60.5, "scheduler": 200.25, "other": 0.25}, 0.06),
    due=DueAtOnce(
        at=NOW,
        ended=[
            EndTimes(
                closed_at=NOW + timedelta(seconds=closed), done_at=NOW + timedelta(seconds=done)
            )
            for closed, done in ((1.0, 2.0), (1.5, 3.0), (2.0, 4.0))
        ],
        parts={"record": 0.25, "CPU: scheduler": 1.5},
    ),
)


class Scripted:
    """Sleepers of which more and more are asleep."""

    def __init__(self, *asleep):
        self._asleep = list(asleep)
        self.planned = 0

    def plan(self):
        """Note that it was asked for."""
        self.planned += 1

    def asleep(self):
        """Say the next number, the last for ever."""
        return self._asleep.pop(0) if len(self._asleep) > 1 else self._asleep[0]


def test_each_process_has_its_share_of_what_they_cost():
    """What the stack takes more is told by process: a goal that is missed says whose it is."""
    assert FOUND.figures()["idle_cpu_added_by"] == {"all": 0.01}


def test_sizes_are_of_one_sleeper():
    """All that the stack has more, divided by how many they are."""
    figures = FOUND.figures()

    assert figures["pss_each_kib"] == 1.0
    assert figures["pss_added_mib"] == {"relay": 0.5, "scheduler": 0.2, "other": 0.2}
    assert figures["create_cpu_seconds_each"] == 0.02


def test_the_databases_cache_is_told_apart():
    """It grows up to its bound and no further: what is left is what each sleeper holds for itself."""
    before = a_state([1.0], {"relay": 60.0, "postgres": 50.0}, 0)
    after = a_state([1.0], {"relay": 60.5, "postgres": 63.0}, 0)
    figures = replace(FOUND, without=before, beside=after).figures()

    assert figures["pss_each_kib"] == 13.5
    assert figures["pss_each_kib_beside_postgres"] == 0.5


def test_ratio_is_of_the_medians():
    """One slow webhook beside the sleepers is chance."""
    assert FOUND.figures()["latency_ratio"] == 1.05
    assert FOUND.figures()["latency_p50"] == {"without": 2.0, "with": 2.1}


def test_figures_have_the_documented_names():
    """Those of `./ops bench --json`."""
    names = {"count", "create_seconds", "pss_each_kib", "latency_ratio", "due_lag_p95"}

    assert names <= summary(FOUND).keys()
    assert summary(FOUND)["due_lag_p95"] == 4.0
    assert summary(FOUND)["due_closed_p95"] == 2.0
    assert summary(FOUND)["due_parts"] == {"record": 0.25, "CPU: scheduler": 1.5}
    assert summary(FOUND)["idle_cpu_added"] == 0.01


def test_lag_counts_from_the_moment():
    assert lags([NOW, NOW + timedelta(seconds=1.5)], NOW) == [0.0, 1.5]


def test_end_before_its_moment_is_no_figure():
    """However fast: it must never be."""
    with pytest.raises(BenchError, match=r"0\.250 s before its moment"):
        lags([NOW + timedelta(seconds=1), NOW - timedelta(seconds=0.25)], NOW)


def test_sleepers_are_planned_once_and_watched(monkeypatch):
    """Until all of them sleep."""
    monkeypatch.setattr(sleepers, "LOOK_SECONDS", 0)
    them, told = Scripted(0, 3, 7, 10), []

    seconds = sleepers._put_to_sleep(them, 10, tell=told.append)

    assert them.planned == 1
    assert told == [0, 3, 7]
    assert seconds >= 0


def test_sleepers_that_never_sleep_are_no_figure(monkeypatch):
    """A run that cannot be made must not be waited for all night."""
    monkeypatch.setattr(sleepers, "longest_seconds", lambda _count: 0)

    with pytest.raises(BenchError, match="3 of 10 runs were made"):
        sleepers._put_to_sleep(Scripted(3), 10, tell=lambda _: None)


def test_the_baseline_waits_in_the_triggerer_from_the_start():
    """No worker, no limit on how many wait: a baseline that is slowed down proves nothing."""
    dag = plain_deactivation()
    sensor, *work = dag.topological_sort()

    assert (sensor.task_id, sensor.start_from_trigger, sensor.end_from_trigger) == (
        "wait_for_period_end",
        True,
        True,
    )
    assert dag.max_active_runs == 100_000
    assert [task.task_id for task in work] == [
        "check_status",
        "update_database",
        "update_tags",
        "record",
    ]
