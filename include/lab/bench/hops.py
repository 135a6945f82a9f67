"""Where a single webhook's time goes: the profile of `latency`, from the moments that Airflow and our inbox write down.

A webhook alone in its run goes: stored by the relay, asked of Airflow, and then for each task a turn of the scheduler
(from the end before it to its being queued), a worker that takes it (to its start: a fork, a request to the API server)
and its own work, the last one's up to the row's end.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import dict_row

from include.lab.bench.quantiles import medians
from include.store.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SQL = statements(Path(__file__).with_suffix(".sql"))

ASKED: Final = "asked of Airflow, which makes the run"
TURNS: Final = "turns of the scheduler, from one end to the next task in the queue"
TAKEN: Final = "workers take the tasks, until they start"
WORK: Final = "the tasks' own processes, until the row's end"

Row = dict[str, Any]


def of_webhooks(mark: int, *, database_url: str, airflow_url: str) -> dict[str, float]:
    """Return the seconds of each kind of hop, the median of the webhooks stored after inbox row `mark`.

    Nothing where none of them was alone in its run.
    """
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        rows = {row["dag_run_id"]: row for row in SQL.of_rows(connection, mark=mark)}
    with psycopg.connect(airflow_url, row_factory=dict_row) as connection:
        tasks = list(SQL.of_runs(connection, dag_run_ids=list(rows)))
    runs = {run_id: list(found) for run_id, found in groupby(tasks, key=lambda one: one["run_id"])}
    hops = [split(rows[run_id], found) for run_id, found in runs.items()]
    return medians(hops) if hops else {}


def of_run(run_id: str, *, airflow_url: str) -> list[Row]:
    """Return the tasks of a run, in the order in which they were queued."""
    with psycopg.connect(airflow_url, row_factory=dict_row) as connection:
        return list(SQL.of_runs(connection, dag_run_ids=[run_id]))


def since(at: float, tasks: Sequence[Row], *, until: float) -> dict[str, float]:
    """Return what the time went into from a moment to the end of a run's work: each task's own, and between them.

    What a task did before the moment, such as to wait for it, does not count.
    """
    spans: dict[str, float] = {}
    before = at
    for task in tasks:
        ended_at = min(task["ended_at"], until)
        started_at = max(task["started_at"], before)
        for part, end in (
            (TURNS, task["queued_at"]),
            (TAKEN, started_at),
            (task["task_id"], ended_at),
        ):
            spans[part] = spans.get(part, 0.0) + max(0.0, end - before)
            before = max(before, end)
    return spans


def split(row: Row, tasks: Sequence[Row]) -> dict[str, float]:
    """Return a webhook's hops, which together are the time from its row to the row's end."""
    first, last = tasks[0], tasks[-1]
    turns = [(before["ended_at"], after["queued_at"]) for before, after in pairwise(tasks)]
    work = [(one["started_at"], one["ended_at"]) for one in tasks[:-1]]
    return {
        ASKED: first["run_at"] - row["received_at"],
        TURNS: _sum([(first["run_at"], first["queued_at"]), *turns]),
        TAKEN: _sum((one["queued_at"], one["started_at"]) for one in tasks),
        WORK: _sum([*work, (last["started_at"], row["finished_at"])]),
    }


def _sum(spans: Iterable[tuple[float, float]]) -> float:
    return sum(end - begin for begin, end in spans)
