"""A dead letter, found by `reconciliation`, decided by a person over the REST API, and told to Slack on the way."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from include.errors import ErrorClass
from include.lab.demo.airflow import ENDED, Airflow
from include.lab.demo.stage import Stage
from include.store import Store
from include.store.dead_letters import Failure, LetterState
from tests.local_stack import LocalStack
from tests.reviews import DAG, end_open_reviews

pytestmark = pytest.mark.timeout(600)
ASK = "ask_people"
REASON = "made by a test"
SUBJECT = "run:e2e-review"  # a letter that nothing replays by itself


@pytest.fixture
def store(local_stack: LocalStack) -> Iterator[Store]:
    """Give the ops tables."""
    with closing(Store.connect(local_stack.stack.database_url)) as store:
        yield store


@pytest.mark.usefixtures("slack_is_quiet")
def test_person_decides_and_slack_is_told(local_stack: LocalStack, stage: Stage, store: Store):
    """Reconciliation asks, as its small user; an operator answers; a failure reaches Slack by Airflow's callback."""
    stack = local_stack.stack
    operator = stack.users["operator"]
    with Airflow.at(stack.airflow_url, **operator) as airflow:
        end_open_reviews(airflow)
        before = runs_of(airflow)
        letter, other = a_letter(store, REASON), a_letter(store, "left by somebody else")
        started = airflow.start_run("reconciliation", {"deep": False, "dry_run": False})
        ends(stage, airflow, "reconciliation", started)
        assert airflow.run_state("reconciliation", started) == "success"
        [run] = runs_of(airflow) - before
        assert any("Decide" in text for text in messages(stage))

        waits(stage, airflow, run)
        answer(airflow, run, "abandon", why="")
        ends(stage, airflow, DAG, run)
        assert airflow.run_state(DAG, run) == "failed"
        stage.wait("Slack's message", lambda: told_of_failure(stage, run), 60)
        assert store.dead_letters.get(letter).state is LetterState.OPEN

        clear(airflow, run)
        waits(stage, airflow, run)
        answer(airflow, run, "abandon", why="only a test")
        ends(stage, airflow, DAG, run)

        assert airflow.run_state(DAG, run) == "success"
    [line] = store.connection.execute(
        "SELECT * FROM ops.audit_log WHERE target = %s AND action = 'dead_letter:abandon'",
        [f"dead_letter:{letter}"],
    ).fetchall()
    assert store.dead_letters.get(letter).state is LetterState.ABANDONED
    assert store.dead_letters.get(other).state is LetterState.OPEN
    assert (line["actor"], line["metadata"]["why"]) == ("user:operator", "only a test")


FORBIDDEN = (
    ("GET", "/connections", None),
    ("GET", "/variables", None),
    ("GET", "/config", None),
    ("GET", "/dags/reconciliation/dagRuns/any/taskInstances/close/logs/1", None),
    ("POST", "/dags/mailchimp_sync/dagRuns", {"dag_run_id": "x", "logical_date": None, "conf": {}}),
    ("PATCH", "/dags/mailchimp_sync/dagRuns/any", {"state": "failed"}),
    ("PATCH", "/dags/mailchimp_sync", {"is_paused": True}),
    ("DELETE", "/dags/mailchimp_sync/dagRuns/any", None),
    (
        "PATCH",
        f"/dags/{DAG}/dagRuns/any/taskInstances/{ASK}/-1/hitlDetails",
        {"chosen_options": []},
    ),
)


def test_reconciler_is_refused_all_else(local_stack: LocalStack):
    """Whoever takes its password sees which runs there are; she changes nothing and decides nothing."""
    stack = local_stack.stack
    login = {"username": "reconciler", "password": stack.reconciler_password}
    with Airflow.at(stack.airflow_url, **login) as airflow:
        for method, path, body in FORBIDDEN:
            answered = airflow.ask(method, path, body)
            assert answered.status_code == httpx.codes.FORBIDDEN, (path, answered.text)
        assert airflow.ask("GET", "/dags/~/dagRuns?state=failed&limit=1").is_success


def a_letter(store: Store, reason: str) -> int:
    """Open a letter that is about nobody."""
    failure = Failure(
        job="mailchimp_sync",
        subject=f"{SUBJECT}: {reason}",
        error_class=ErrorClass.PERMANENT,
        reason=reason,
    )
    [now] = store.connection.execute("SELECT now() AS now").fetchone().values()
    return store.dead_letters.open_case(failure, now=now).id


def runs_of(airflow: Airflow) -> set[str]:
    """Return the newest runs of the review."""
    path = f"/dags/{DAG}/dagRuns?order_by=-run_after"
    found = airflow.ask("GET", path).raise_for_status().json()["dag_runs"]
    return {run["dag_run_id"] for run in found}


def waits(stage: Stage, airflow: Airflow, run: str) -> None:
    """Wait until the task waits for people."""

    def is_asked() -> bool:
        return any(t.task == ASK and t.state == "awaiting_input" for t in airflow.tasks(DAG, run))

    stage.wait("the question", is_asked, 90)


def answer(airflow: Airflow, run: str, decision: str, *, why: str) -> None:
    """Decide about the test's own group, as the console or a button in Slack does; what others left stays open.

    Airflow wants a value for every field of the form.
    """
    path = f"/dags/{DAG}/dagRuns/{run}/taskInstances/{ASK}/-1/hitlDetails"
    form = airflow.ask("GET", path).raise_for_status().json()["params"]
    [own] = [name for name, field in form.items() if REASON in str(field)]
    assert decision in form[own]["schema"]["enum"]
    values = {name: field["value"] for name, field in form.items()}
    body = {"chosen_options": ["Carry out"], "params_input": {**values, own: decision, "why": why}}
    airflow.ask("PATCH", path, body).raise_for_status()


def clear(airflow: Airflow, run: str) -> None:
    """Clear the question and what follows, as a person does in the UI."""
    wish = {
        "dry_run": False,
        "only_failed": False,
        "dag_run_id": run,
        "task_ids": [ASK],
        "include_downstream": True,
        "reset_dag_runs": True,
    }
    airflow.ask("POST", f"/dags/{DAG}/clearTaskInstances", wish).raise_for_status()


def ends(stage: Stage, airflow: Airflow, dag: str, run: str) -> None:
    """Wait for a run's end."""
    stage.wait("the run's end", lambda: airflow.run_state(dag, run) in ENDED, 120)


def messages(stage: Stage) -> list[str]:
    """Return the texts in Slack's channels."""
    return [message["text"] for message in stage.sandbox.get("/state/slack")["messages"]]


def told_of_failure(stage: Stage, run: str) -> bool:
    """Tell whether Slack has the message about a failed run."""
    return any(f"*{DAG}* failed" in text and run in text for text in messages(stage))
