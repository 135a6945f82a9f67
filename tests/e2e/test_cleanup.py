"""The clean-up on the real stack: a task may not touch Airflow's database, the command that it starts may."""

from datetime import datetime

import pytest

from include.lab.demo.airflow import ENDED
from include.lab.demo.stage import Stage

pytestmark = pytest.mark.timeout(600)
DAG = "database_cleanup"


def test_new_stack_does_not_clean_at_once(stage: Stage):
    """A deployment is no tick: the first scheduled run is the next one at 03:00, which may come while tests run."""
    versions = stage.airflow.ask("GET", f"/dags/{DAG}/dagVersions?order_by=version_number").json()
    found = stage.airflow.ask("GET", f"/dags/{DAG}/dagRuns?run_type=scheduled").json()

    deployed_at = datetime.fromisoformat(versions["dag_versions"][0]["created_at"])
    ticks = [datetime.fromisoformat(run["run_after"]) for run in found["dag_runs"]]
    assert [tick for tick in ticks if tick <= deployed_at] == []


@pytest.mark.parametrize("dry_run", [None, False])
def test_both_halves_run(stage: Stage, dry_run):
    """By hand it only counts until the form says otherwise; the note says what came of it, a real run is audited."""
    run = f"e2e.cleanup.{dry_run}"
    conf = {} if dry_run is None else {"dry_run": dry_run}
    wish = {"dag_run_id": run, "logical_date": None, "conf": conf}

    assert stage.airflow.ask("POST", f"/dags/{DAG}/dagRuns", wish).is_success
    stage.wait("its end", lambda: stage.airflow.run_state(DAG, run) in ENDED, 120)

    states = {task.task: task.state for task in stage.airflow.tasks(DAG, run)}
    assert states == {"clean_ops": "success", "clean_airflow": "success"}
    audited = {
        row["metadata"]["part"]: row["metadata"]["removed"]
        for row in stage.database.execute(
            "SELECT metadata FROM ops.audit_log WHERE target = %s AND dag_run_id = %s",
            (f"job:{DAG}", run),
        )
    }
    note = stage.airflow.ask("GET", f"/dags/{DAG}/dagRuns/{run}").json()["note"]
    if dry_run is None:
        assert note.startswith("Only looked. It would be: ")
        assert audited == {}
    else:
        assert note.startswith("of Airflow's removed: ")
        assert "; of our tables removed: " in note
        assert audited["ops"]["inbox_bodies"] == 0
        assert {"dag_run", "task_instance", "log"} <= audited["airflow"].keys()
        assert "trigger" not in audited["airflow"]
