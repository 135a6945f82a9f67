"""Where a webhook's time goes: every second between its row and the row's end is in exactly one kind of hop."""

import pytest

from include.lab.bench.hops import ASKED, TAKEN, TURNS, WORK, since, split

ROW = {"received_at": 100.0, "finished_at": 100.9}


def task(queued_at, started_at, ended_at):
    """Return a task's moments; its run was made at 100.1."""
    return {"run_at": 100.1, "queued_at": queued_at, "started_at": started_at, "ended_at": ended_at}


def test_hops_are_the_whole_time():
    """Two tasks: the scheduler has two turns, two workers take them, and the last one's work ends with the row."""
    tasks = [task(100.2, 100.25, 100.45), task(100.6, 100.65, 101.5)]

    found = split(ROW, tasks)

    wanted = {ASKED: 0.1, TURNS: 0.1 + 0.15, TAKEN: 0.05 + 0.05, WORK: 0.2 + 0.25}
    assert found == pytest.approx(wanted)
    assert sum(found.values()) == pytest.approx(ROW["finished_at"] - ROW["received_at"])


def test_time_since_a_moment_is_told_by_task():
    """What was done before the moment does not count, nor what comes after the work's end; nothing is left out."""
    tasks = [
        {"task_id": "wait", **task(90.0, 90.5, 100.5)},
        {"task_id": "check", **task(100.75, 101.0, 103.0)},
        {"task_id": "record", **task(103.25, 103.5, 105.0)},
    ]

    found = since(100.0, tasks, until=104.5)

    assert found == {TURNS: 0.5, TAKEN: 0.5, "wait": 0.5, "check": 2.0, "record": 1.0}
    assert sum(found.values()) == 4.5
