"""The three parts: our tables, Airflow's, and its log files."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from include.jobs.database_cleanup.report import CleanupPart, report

if TYPE_CHECKING:
    from datetime import datetime

    from include.airflow_api.command import AirflowCommand
    from include.clock import Clock
    from include.jobs.database_cleanup.decide import RetentionRules
    from include.store import Store
    from include.store.airflow_tables import AirflowTables

BATCH_ROWS = 1000
BUDGET = timedelta(seconds=200)  # of the run's 300: Airflow's tables take their part beside it
log = structlog.get_logger(__name__)


def clean_ops(
    rules: RetentionRules,
    *,
    dry_run: bool,
    store: Store,
    clock: Clock,
    dag_run_id: str | None = None,
) -> dict[str, int]:
    """Remove what is too old from the ops tables; return how many rows per rule."""
    now = clock.now()
    counts: dict[str, int] = {}
    left: list[str] = []
    for rule, days in rules.ops.items():
        before = now - timedelta(days=days)
        if dry_run:
            counts[rule] = store.retention.count(rule, before=before)
            continue
        counts[rule], is_done = _remove(rule, before, until=now + BUDGET, store=store, clock=clock)
        if not is_done:
            left.append(rule)
    if not dry_run:
        store.retention.analyze()
    run = CleanupPart(dag_run_id=dag_run_id, part="ops", now=now)
    report(run, counts, dry_run=dry_run, left=left, store=store)
    return counts


def _remove(
    rule: str, before: datetime, *, until: datetime, store: Store, clock: Clock
) -> tuple[int, bool]:
    """Remove batch after batch; tell whether all is gone or the time was over."""
    removed = 0
    while clock.now() < until:
        batch = store.retention.remove(rule, before=before, row_limit=BATCH_ROWS)
        removed += batch
        if batch < BATCH_ROWS:
            return removed, True
    return removed, False


def clean_airflow(  # noqa: PLR0913 - collaborators, by name
    rules: RetentionRules,
    *,
    dry_run: bool,
    airflow: AirflowCommand,
    tables: AirflowTables,
    store: Store,
    clock: Clock,
    dag_run_id: str | None = None,
) -> dict[str, int]:
    """Have Airflow remove what is too old from its tables; nothing of a DAG that has been waiting so long."""
    now = clock.now()
    before = now - timedelta(days=rules.airflow.keep_days)
    waiting = tables.waiting_dags(begun_before=before)
    if waiting:
        log.warning("cleanup.waits", dags=waiting)
    counts = airflow.clean(
        rules.airflow.tables,
        before=before,
        exclude_dags=waiting,
        dry_run=dry_run,
        timeout_seconds=BUDGET.total_seconds(),
    )
    run = CleanupPart(dag_run_id=dag_run_id, part="airflow", now=now)
    report(run, counts, dry_run=dry_run, left=waiting, store=store)
    return counts


def clean_logs(rules: RetentionRules, *, folder: Path, dry_run: bool, clock: Clock) -> int:
    """Remove old files below Airflow's log folder, and folders that are empty then; return how many files."""
    before = (clock.now() - timedelta(days=rules.logs.keep_days)).timestamp()
    files = [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]
    old = [file for file in files if file.lstat().st_mtime < before]
    log.info("cleanup.counted" if dry_run else "cleanup.removed", part="logs", files=len(old))
    if not dry_run:
        for file in old:
            file.unlink(missing_ok=True)
        _remove_empty({one for file in old for one in file.parents if folder in one.parents})
    return len(old)


def _remove_empty(folders: set[Path]) -> None:
    """Remove the folders that have nothing in them, the deepest first."""
    for one in sorted(folders, reverse=True):
        with suppress(OSError):  # another file is there, or comes there now
            one.rmdir()
