"""The baseline is what it says: plain Airflow, and the obvious DAG."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from include.lab.bench.errors import BenchError
from include.lab.bench.plain import PlainAirflow
from include.lab.bench.plain_dags.plain_sync import plain_sync
from include.lab.bench.webhooks import Webhook
from include.lab.stack.layout import Layout
from include.lab.stack.stack import Ports, Stack

NOT_A_DEFAULT = {
    "CORE__DAGS_FOLDER",
    "CORE__PLUGINS_FOLDER",
    "CORE__LOAD_EXAMPLES",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION",
    "CORE__FERNET_KEY",
    "CORE__EXECUTION_API_SERVER_URL",
    "API__HOST",
    "API__PORT",
    "API__BASE_URL",
    "API__SECRET_KEY",
    "API_AUTH__JWT_SECRET",
    "DATABASE__SQL_ALCHEMY_CONN",
}
STEPS = [
    "parse_event",
    "find_member",
    "update_tables",
    "upsert_mailchimp",
    "update_tags",
    "send_welcome",
    "record",
]


@pytest.fixture
def stack():
    """Give a stack that does not run."""
    return Stack(ports=Ports(postgres=5433, sandbox=8026))


def test_everything_else_is_a_default(stack, tmp_path):
    """Executor, parallelism, pauses, pools, log-in: a baseline that is slowed down proves nothing."""
    variables = PlainAirflow(Layout(state=tmp_path), stack).environment()

    airflow = {name.removeprefix("AIRFLOW__") for name in variables if name.startswith("AIRFLOW__")}
    assert airflow == NOT_A_DEFAULT


def test_bytecode_is_kept_as_ours_is(stack, tmp_path, monkeypatch):
    """Recompiling what is imported would be a quarter of a task's time."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert (
        "PYTHONDONTWRITEBYTECODE" not in PlainAirflow(Layout(state=tmp_path), stack).environment()
    )


def test_the_databases_are_its_own(stack, tmp_path):
    """The product's tables and Airflow's metadata stay as they are."""
    plain = PlainAirflow(Layout(state=tmp_path), stack)
    variables = plain.environment()

    assert plain.database_url.endswith("/platform_plain")
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].endswith("/airflow_plain")
    assert json.loads(variables["AIRFLOW_CONN_PLATFORM"])["schema"] == "platform_plain"


def test_another_postgres_is_not_touched(stack, tmp_path):
    """Databases are made and dropped only in the embedded server."""
    elsewhere = replace(
        stack, other_database_url="postgresql://x/x", other_airflow_database_url="postgresql://x/y"
    )

    with pytest.raises(BenchError, match="embedded Postgres"):
        PlainAirflow(Layout(state=tmp_path), elsewhere)


def test_a_webhook_becomes_a_run_of_its_own(stack, tmp_path):
    """The receiver verifies and asks Airflow for a run that carries the event."""
    event = {"id": "evt_1", "type": "customer.subscription.updated"}
    webhook = Webhook(provider="stripe", event_id="evt_1", body=json.dumps(event).encode())

    request = PlainAirflow(Layout(state=tmp_path), stack).request(webhook)

    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v2/dags/plain_sync/dagRuns HTTP/1.1\r\n")
    assert json.loads(body) == {
        "dag_run_id": "evt_1",
        "logical_date": None,
        "conf": {"event": event},
    }


def test_the_seven_steps_are_seven_tasks_in_a_row():
    """The job as one would write it without knowing what a task costs."""
    dag = plain_sync()

    assert [task.task_id for task in dag.topological_sort()] == STEPS
    for earlier, later in pairwise(STEPS[3:]):
        assert later in dag.get_task(earlier).downstream_task_ids
