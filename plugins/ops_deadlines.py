"""Tell Airflow of the reference that the DAGs' SLAs count from."""

from airflow.plugins_manager import AirflowPlugin

from include.airflow_api.deadlines import RunAfterDeadline


class OpsDeadlinesPlugin(AirflowPlugin):
    """Registration only: what it does is in `include/airflow_api/deadlines.py`."""

    name = "ops_deadlines"
    deadline_references = [RunAfterDeadline]  # noqa: RUF012 - Airflow declares it so
