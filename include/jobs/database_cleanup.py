"""Remove what the retention rules say: `include/retention.yaml` has the days, `queries/retention.sql` the rows.

Small batches, each a transaction of its own, so that nobody waits behind a long one; what is left when the time is
over is for the next night. A dry run counts with the same conditions and removes nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field

from include.store.audit import AuditEntry
from include.store.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from include.clients.airflow_command import AirflowCommand
    from include.clock import Clock
    from include.store import Store
    from include.store.airflow_tables import AirflowTables

JOB = "database_cleanup"
ACTOR = f"system:{JOB}"
FILE = Path(__file__).parents[1] / "retention.yaml"
BATCH_ROWS = 1000
BUDGET = timedelta(seconds=200)  # of the run's 300: Airflow's tables take their part beside it
NEVER = frozenset({"trigger", "dag", "dag_version"})
"""Tables of Airflow's that are never cleaned: the first would delete tasks that wait in a trigger."""

Days = Annotated[int, Field(ge=7)]  # a review waits seven days for its answer

log = structlog.get_logger(__name__)


class AirflowRules(BaseModel):
    """How long Airflow's tables keep what, and which of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_days: Days
    tables: tuple[str, ...]


class LogRules(BaseModel):
    """How long files of logs are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_days: Days


class RetentionRules(BaseModel):
    """The retention file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ops: dict[str, Days]
    airflow: AirflowRules
    logs: LogRules


def load_rules(path: Path = FILE) -> RetentionRules:
    """Read the rules; raises ValueError naming what is not as it should be."""
    rules = RetentionRules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    known = Retention.rules()
    if unknown := sorted(rules.ops.keys() ^ known):
        raise ValueError(f"{path.name}: rules and statements differ: {', '.join(unknown)}")
    if forbidden := sorted(NEVER & set(rules.airflow.tables)):
        raise ValueError(f"{path.name}: never cleaned: {', '.join(forbidden)}")
    return rules


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
    _report(run, counts, dry_run=dry_run, left=left, store=store)
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
    _report(run, counts, dry_run=dry_run, left=waiting, store=store)
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


def words_of(where: str, counts: Mapping[str, int]) -> str:
    """Say in one line what was removed, the most first."""
    most_first = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    removed = ", ".join(f"{name} {count:,}" for name, count in most_first if count)
    return f"of {where} removed: {removed or 'nothing'}"


class CleanupPart(NamedTuple):
    """Which half of which run."""

    dag_run_id: str | None
    part: str
    now: datetime


def _report(
    run: CleanupPart, counts: Mapping[str, int], *, dry_run: bool, left: list[str], store: Store
) -> None:
    """Say in the log what was removed, and in the audit log unless it was only counted."""
    verb = "cleanup.counted" if dry_run else "cleanup.removed"
    log.info(verb, part=run.part, left=left, **counts)
    if dry_run:
        return
    change = AuditEntry(
        target=f"job:{JOB}",
        actor=ACTOR,
        action="job:completed",
        dag_run_id=run.dag_run_id,
        metadata={"part": run.part, "removed": dict(counts), "left": left},
    )
    with store.transaction():
        store.audit.add([change], now=run.now)
