"""SLAs on the real stack: a run that is not over in time is told to Slack, and clearing a run still works."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from include.lab.demo.stage import DAG, Stage
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)
SLA = timedelta(minutes=2)
DEADLINE = """
  SELECT deadline.id, deadline_time, missed FROM deadline
  JOIN dag_run ON dag_run.id = dagrun_id WHERE run_id = %s
"""


@pytest.fixture
def airflow_database(local_stack: LocalStack):
    """Give Airflow's own tables."""
    with psycopg.connect(local_stack.stack.airflow_database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def paused(stage: Stage):
    """Keep the DAG's runs from starting."""
    stage.airflow.ask("PATCH", f"/dags/{DAG}", {"is_paused": True}).raise_for_status()
    yield
    stage.airflow.ask("PATCH", f"/dags/{DAG}", {"is_paused": False}).raise_for_status()


def start(stage: Stage, run: str) -> None:
    wish = {"dag_run_id": run, "logical_date": None, "conf": {"inbox_ids": []}}
    stage.airflow.ask("POST", f"/dags/{DAG}/dagRuns", wish).raise_for_status()


@pytest.mark.usefixtures("slack_is_quiet")
def test_run_that_waits_too_long_is_told(stage: Stage, airflow_database, paused):
    """Two minutes after it should have started, moved to now; the message names the run."""
    start(stage, "e2e.late")
    [(deadline, due, missed)] = airflow_database.execute(DEADLINE, ("e2e.late",)).fetchall()
    assert (due - datetime.now(UTC) - SLA) < timedelta(seconds=1)
    assert not missed

    airflow_database.execute("UPDATE deadline SET deadline_time = now() WHERE id = %s", (deadline,))

    def told() -> bool:
        messages = stage.sandbox.get("/state/slack")["messages"]
        return any("is late" in m["text"] and "e2e.late" in m["text"] for m in messages)

    stage.wait("the message that it is late", told, 60)


def test_run_with_a_deadline_can_be_cleared(stage: Stage, airflow_database):
    """Airflow 3.3.2 answers 500 to that where the deadline counts from the moment of queueing."""
    start(stage, "e2e.cleared")
    stage.wait("its end", lambda: stage.airflow.run_state(DAG, "e2e.cleared") == "success", 60)
    assert airflow_database.execute(DEADLINE, ("e2e.cleared",)).fetchall() == []  # it was in time

    wish = {"dry_run": False, "only_failed": False}
    answer = stage.airflow.ask("POST", f"/dags/{DAG}/dagRuns/e2e.cleared/clear", wish)

    assert answer.is_success, answer.text
    stage.wait("its end", lambda: stage.airflow.run_state(DAG, "e2e.cleared") == "success", 60)


@pytest.mark.usefixtures("slack_is_quiet")
def test_run_that_failed_in_time_has_missed_nothing(stage: Stage, airflow_database):
    """Airflow 3.3.2 keeps its deadline, and would call it missed two minutes later, by a run that was over."""
    stage.sandbox.post("/faults", {"vendor": "luma", "kind": "status", "status": 401})
    run = stage.airflow.start_run("luma_auto_approval", {"dry_run": False})
    stage.wait(
        "it to fail", lambda: stage.airflow.run_state("luma_auto_approval", run) == "failed", 90
    )

    def is_gone() -> bool:
        return airflow_database.execute(DEADLINE, (run,)).fetchall() == []

    stage.wait("its deadline to be taken away", is_gone, 60)


def test_waiting_run_with_a_deadline_can_be_cleared(stage: Stage, airflow_database, paused):
    """Its deadline is still ahead, and stays what it was."""
    start(stage, "e2e.cleared_early")
    before = airflow_database.execute(DEADLINE, ("e2e.cleared_early",)).fetchall()

    wish = {"dry_run": False, "only_failed": False}
    answer = stage.airflow.ask("POST", f"/dags/{DAG}/dagRuns/e2e.cleared_early/clear", wish)

    assert answer.is_success, answer.text
    assert airflow_database.execute(DEADLINE, ("e2e.cleared_early",)).fetchall() == before
