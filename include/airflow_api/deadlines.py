"""From when a run's SLA counts: from the moment it is to start.

Airflow's own references do not serve. `DAGRUN_LOGICAL_DATE` is empty for runs that the relay asks for. With
`DAGRUN_QUEUED_AT`, Airflow 3.3.2 cannot clear a run any more (apache/airflow#70368), and a run that was made months
ahead of its `run_after` would miss its deadline on the first day. Registered in `plugins/ops_deadlines.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.sdk.definitions.deadline import BaseDeadlineReference

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


class RunAfterDeadline(BaseDeadlineReference):
    """Counts from the run's `run_after`; evaluated once, when Airflow makes the run."""

    required_kwargs: ClassVar = {"dag_id", "run_id"}

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Return the `run_after` of the run; in the API server or the scheduler, which have its tables."""
        from airflow.models import DagRun  # noqa: PLC0415 - not in every task that parses a DAG
        from sqlalchemy import select  # noqa: PLC0415 - same

        wanted = select(DagRun.run_after).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        return session.scalar(wanted)
