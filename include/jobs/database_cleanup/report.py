"""What was removed: in the log, in the audit log, and as a run's line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog

from include.store.audit import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from include.store import Store

JOB = "database_cleanup"
ACTOR = f"system:{JOB}"

log = structlog.get_logger(__name__)


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


def report(
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
