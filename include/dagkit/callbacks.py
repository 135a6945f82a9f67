"""What Airflow calls when a run failed or is late."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from include.airflow_api.kinds import is_dry, kind_of_run
from include.dagkit.collaborators import Collaborators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.clock import Clock
    from include.notify.notices import FailureCause
    from include.store.notices import FailedRun


def report_failure(context: Mapping[str, Any]) -> None:
    """Tell people that a run failed: the callback of every DAG.

    Airflow calls it in the Dag processor, at most once, and with more or less of a context. Where it is lost,
    `reconciliation` finds the run. The failure is noted before anything is sent: Slack may be down.
    """
    from include.notify.notices import note_failure
    from include.notify.run_notes import words_of

    with ExitStack() as exit_stack:
        kit = Collaborators(exit_stack)
        run, cause = _failure_from(context, kit.clock)
        dag_run = context.get("dag_run")
        asked = getattr(dag_run, "conf", None)
        is_looking = is_dry(run.job, getattr(dag_run, "run_type", None), asked)
        is_news = kit.store.job_runs.fail(
            run.job,
            run.dag_run_id,
            error_class=context.get("reason"),  # Airflow's: task_failure, timed_out …
            reason=None,
            now=run.failed_at,
            started_at=getattr(dag_run, "start_date", None),
            is_dry=is_looking,
        )
        if is_news:  # no task has recorded it, nor noted it
            words = words_of(run.job, run.dag_run_id, store=kit.store, failure=cause.why)
            kit.tidy_airflow(lambda tables: tables.note_run(run.job, run.dag_run_id, words))
        if not is_looking:
            note_failure(run, cause, store=kit.store, clock=kit.clock)
        kit.tidy_airflow(lambda tables: tables.drop_deadlines(run.job, run.dag_run_id))
        kit.send_notices()


async def report_late(context: Mapping[str, Any]) -> None:
    """Tell people that a run is not over in time: the callback of every DAG's deadline.

    Airflow calls it in the triggerer, at most once. (A callback in the executor may not read connections in 3.3.2,
    apache/airflow#66141.) It also calls for runs that failed long ago (apache/airflow#60927): those have been told.
    """
    from include.notify.notices import FailureCause, note_failure
    from include.notify.outbox import send_due
    from include.notify.texts import LATE
    from include.store.notices import FailedRun

    dag_run = context["dag_run"]
    is_looking = is_dry(dag_run["dag_id"], dag_run.get("run_type"), dag_run.get("conf"))
    if dag_run["state"] not in ("queued", "running") or is_looking:
        return
    with ExitStack() as exit_stack:
        kit = Collaborators(exit_stack)
        run = FailedRun(
            job=dag_run["dag_id"],
            dag_run_id=dag_run["dag_run_id"],
            failed_at=kit.clock.now(),
            kind=kind_of_run(dag_run.get("run_type"), dag_run.get("conf")),
        )
        # Connections can be asked for on the triggerer's loop only; whatever waits for somebody leaves it.
        parts: dict[str, Any] = {"store": kit.store, "clock": kit.clock}
        late = FailureCause(why=LATE)
        await asyncio.to_thread(note_failure, run, late, **parts)
        if kit.uses("slack"):
            parts |= {"slack": kit.connect_slack(), "links": kit.links}
            await asyncio.to_thread(send_due, **parts)


def _failure_from(context: Mapping[str, Any], clock: Clock) -> tuple[FailedRun, FailureCause]:
    """Read what there is of a Dag callback's context: it has a task and times only where a task was the last."""
    from include.notify.notices import FailureCause
    from include.store.notices import FailedRun

    dag, ti = context.get("dag"), context.get("ti")
    dag_run = context.get("dag_run")
    ended_at = getattr(dag_run, "end_date", None)
    run = FailedRun(
        job=str(getattr(dag, "dag_id", "unknown")),
        dag_run_id=str(context.get("run_id", "unknown")),
        failed_at=ended_at or clock.now(),
        kind=kind_of_run(getattr(dag_run, "run_type", None), getattr(dag_run, "conf", None)),
    )
    return run, FailureCause(
        why=context.get("reason"),
        task=getattr(ti, "task_id", None),
        try_number=getattr(ti, "try_number", None),
    )
