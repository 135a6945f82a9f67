"""Reviews of dead letters on the real stack, where one at a time waits for people."""

from include.lab.demo.airflow import DemoAirflow

DAG = "dead_letter_review"
OPEN = f"/dags/{DAG}/dagRuns?state=queued&state=running"


def end_open_reviews(airflow: DemoAirflow) -> None:
    """End what other tests' letters have had asked, at a tick of `reconciliation` perhaps: else nothing new is."""
    for run in airflow.ask("GET", OPEN).raise_for_status().json()["dag_runs"]:
        path = f"/dags/{DAG}/dagRuns/{run['dag_run_id']}"
        airflow.ask("PATCH", path, {"state": "success"}).raise_for_status()
