"""The relay's Airflow user starts and reads runs; everything else is refused."""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from include.lab.demo.airflow import DemoAirflow
from include.lab.demo.stage import DAG, Stage
from include.routing import DEACTIVATION
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)
RUN = f"/dags/{DAG}/dagRuns/{{run}}"
CLEAR_TASKS = {"dry_run": False, "dag_run_id": "any", "only_failed": False}
FORBIDDEN = (
    ("GET", "/variables", None),
    ("POST", "/variables", {"key": "a", "value": "b"}),
    ("GET", "/connections", None),
    ("GET", "/connections/ops_postgres", None),
    ("GET", "/pools", None),
    ("GET", "/config", None),
    ("GET", "/plugins", None),
    ("GET", "/eventLogs", None),
    ("GET", f"{RUN}/taskInstances", None),
    ("GET", f"{RUN}/taskInstances/record/logs/1", None),
    ("GET", f"{RUN}/taskInstances/record/xcomEntries", None),
    ("PATCH", RUN, {"state": "failed"}),
    ("DELETE", RUN, None),
    ("POST", f"{RUN}/clear", {"dry_run": False}),
    ("POST", f"/dags/{DAG}/clearTaskInstances", CLEAR_TASKS),
    ("DELETE", f"/dags/{DAG}", None),
)


@pytest.fixture
def relay(local_stack: LocalStack) -> Iterator[DemoAirflow]:
    """Give Airflow's REST API as the relay uses it."""
    stack = local_stack.stack
    password = stack.relay_password
    with DemoAirflow.at(stack.airflow_url, username="relay", password=password) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def run_id() -> str:
    """Give the id of a run that the relay's user has started (`test_starts_and_reads_runs`)."""
    return "e2e.of-the-relay"


def test_starts_and_reads_runs(relay: DemoAirflow, run_id, stage: Stage):
    """What the dispatcher does: start a run, meet 409 the second time, look it up."""
    wish = {"dag_run_id": run_id, "logical_date": None, "conf": {"inbox_ids": []}}

    answers = [relay.ask("POST", f"/dags/{DAG}/dagRuns", wish).status_code for _ in range(2)]

    assert answers == [httpx.codes.OK, httpx.codes.CONFLICT]
    stage.wait("its end", lambda: relay.run_state(DAG, run_id) == "success", 60)


def test_takes_back_runs_of_deactivations(relay: DemoAirflow):
    """What the scheduler of deactivations does: make a run ahead, end it, delete it, meet 404 afterwards."""
    path = f"/dags/{DEACTIVATION}/dagRuns"
    wish = {
        "dag_run_id": "deactivation.0.1.2099-12-31T00:00:00Z",
        "logical_date": None,
        "run_after": "2099-12-30T00:00:00Z",
        "conf": {"deactivation_id": 0},
    }
    run = f"{path}/{quote(wish['dag_run_id'])}"

    answers = [
        relay.ask("POST", path, wish),
        relay.ask("GET", run),
        relay.ask("PATCH", run, {"state": "success"}),
        relay.ask("DELETE", run),
        relay.ask("DELETE", run),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 204, 404]
    assert answers[1].json()["state"] == "queued"


@pytest.mark.parametrize(("method", "path", "body"), FORBIDDEN, ids=lambda part: str(part)[:60])
def test_is_refused_all_else(relay: DemoAirflow, run_id, method, path, body):
    """Whoever takes the relay's password cannot read secrets, undo runs or change anything."""
    answer = relay.ask(method, path.format(run=quote(run_id)), body)

    assert answer.status_code == httpx.codes.FORBIDDEN, answer.text
