"""Airflow's own way to start a run, in the API server's process and in the name of who has asked."""

from collections.abc import Mapping
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.sdk.exceptions import AirflowException
from airflow.utils.types import DagRunTriggeredByType

from include.errors import ActRefusedError


def airflow_start(job: str, conf: Mapping[str, Any], *, who: str) -> str:
    """Start a run of a job and return its id; the console's right is asked for by the route."""
    try:
        run = trigger_dag(
            job,
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=who,
            conf=dict(conf),
        )
    except (AirflowException, ValueError) as error:
        raise ActRefusedError(f"Airflow does not start {job}: {type(error).__name__}") from None
    if run is None:
        raise ActRefusedError(f"Airflow does not start {job}")
    return str(run.run_id)
