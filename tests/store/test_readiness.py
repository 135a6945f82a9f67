"""When a local stack is called healthy, asked of an Airflow on the wire."""

from types import SimpleNamespace

import pytest

from include.errors import CommandError
from include.lab.demo.airflow import DemoAirflow
from include.lab.stack.layout import ROOT
from include.lab.stack.line import Line
from include.lab.stack.prepare import dag_ids
from include.lab.stack.readiness import FIRST_DAG, Readiness
from tests.airflow_stand_in import running_airflow

LAYOUT = SimpleNamespace(root=ROOT, logs="logs")


@pytest.fixture
def airflow():
    """Give an Airflow that has all DAGs and ends each run at once."""
    with running_airflow() as airflow:
        airflow.dags |= {
            dag_id: {"is_paused": False, "has_import_errors": False} for dag_id in dag_ids(LAYOUT)
        }
        airflow.on_post = lambda: [run.update(state="success") for run in airflow.runs.values()]
        yield airflow


@pytest.fixture
def wait(airflow):
    """Wait for a stack all of whose parts are at one address; options are of the stack."""

    def wait(*, seconds=5, password=airflow.password):
        login = {"username": "admin", "password": password}
        stack = SimpleNamespace(
            id="abc", users={"admin": login}, airflow_url=airflow.url, relay_url=airflow.url, sandbox_url=airflow.url,
        )  # fmt: skip
        supervisor = SimpleNamespace(processes=list)
        return Readiness(LAYOUT, stack, supervisor, Line(), seconds=seconds).wait()

    return wait


def test_healthy_is_a_stack_that_a_run_went_through(wait, airflow):
    """One empty run, of which nothing is left."""
    assert wait() > 0

    [run_id] = airflow.posts
    assert run_id.startswith("first-run.abc.")
    assert airflow.deletes == [run_id]
    assert airflow.runs == {}


def test_a_run_that_fails_ends_the_wait(wait, airflow):
    """The stack would not do its work either."""
    airflow.on_post = lambda: [run.update(state="failed") for run in airflow.runs.values()]

    with pytest.raises(CommandError, match=f"an empty run of {FIRST_DAG} fails"):
        wait()


def test_another_airflow_at_the_stacks_address_is_none(wait):
    """It does not know the password that was made for this one."""
    with pytest.raises(CommandError, match="is not this stack's Airflow: start again"):
        wait(password="another's")


def test_a_dag_that_does_not_import_is_told_at_once(wait, airflow):
    """Nobody waits for a DAG that cannot come."""
    del airflow.dags["slack_status_sync"]
    trace = "Traceback …\nSyntaxError: invalid syntax"
    airflow.import_errors = [{"filename": "slack_status_sync.py", "stack_trace": trace}]

    with pytest.raises(CommandError, match=r"slack_status_sync\.py: SyntaxError: invalid syntax"):
        wait()


def test_a_dag_that_is_missing_is_waited_for(wait, airflow):
    """And named, where it does not come."""
    del airflow.dags["slack_status_sync"]

    with pytest.raises(CommandError, match=r"DAGs are parsed \(slack_status_sync\)"):
        wait(seconds=0.5)


def test_the_demos_airflow_starts_runs_and_reads_refusals(airflow):
    """By the client of the product; what a user may not is an answer, which tests of roles look at."""
    with DemoAirflow.at(airflow.url, username="operator", password=airflow.password) as asked:
        run_id = asked.start_run(FIRST_DAG, {"inbox_ids": [1]})
        states = [asked.run_state(FIRST_DAG, one) for one in (run_id, "another")]
        airflow.fail(403, 403)
        refused = asked.ask("DELETE", f"/dags/{FIRST_DAG}/dagRuns/{run_id}")

    assert airflow.runs[FIRST_DAG, run_id]["conf"] == {"inbox_ids": [1]}
    assert states == ["success", None]
    assert (refused.status_code, airflow.faults_left) == (403, [])
