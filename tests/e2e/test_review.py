"""A dead letter, found by `reconciliation`, decided by a person over the REST API, and told to Slack on the way."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import psycopg
import pytest

from include.errors import ErrorClass
from include.lab.demo.airflow import ENDED, DemoAirflow
from include.lab.demo.stage import Stage, StoryStoppedError
from include.store import Store
from include.store.airflow_tables import AirflowTables
from include.store.dead_letters import DeadLetterState, Failure
from tests.local_stack import LocalStack
from tests.reviews import DAG, end_open_reviews

pytestmark = pytest.mark.timeout(600)
ASK = "ask_people"
REASON = "made by a test"
ADDRESS = "ada.lovelace@e2e-review.example.org"
SUBJECT = "run:e2e-review"  # a letter that nothing replays by itself


@pytest.fixture
def store(local_stack: LocalStack) -> Iterator[Store]:
    """Give the ops tables."""
    with closing(Store.connect(local_stack.stack.database_url)) as store:
        yield store


@pytest.mark.usefixtures("slack_is_quiet")
def test_person_decides_and_slack_is_told(local_stack: LocalStack, stage: Stage, store: Store):
    """Reconciliation asks, as its small user; what an operator answers is asked for again until it can be taken."""
    stack = local_stack.stack
    with DemoAirflow.at(stack.airflow_url, **stack.users["operator"]) as airflow:
        end_open_reviews(airflow)
        review = Review(stage, airflow)
        letter, other = a_letter(store, REASON), a_letter(store, "left by somebody else")
        started = airflow.start_run("reconciliation", {"deep": False, "dry_run": False})
        ends(stage, airflow, "reconciliation", started)
        assert airflow.run_state("reconciliation", started) == "success"
        run = review.next_run()
        is_told(stage, airflow, store)

        review.answer(run, "abandon", why="")
        again = review.next_run()
        assert "to abandon needs a reason" in review.form(again)["body"]
        review.answer(again, "abandon", why=f"she is {ADDRESS}")
        third = review.next_run()
        assert "must not hold an e-mail address" in review.form(third)["body"]
        clear(airflow, third)
        fourth = review.next_run()
        assert store.dead_letters.get(letter).state is DeadLetterState.OPEN
        review.answer(fourth, "abandon", why="only a test")

        for one in (run, again, third, fourth):
            ends(stage, airflow, DAG, one)
            assert airflow.run_state(DAG, one) == "success"
        assert not [text for text in messages(stage) if f"*{DAG}* failed" in text]
    [line] = store.connection.execute(
        "SELECT * FROM ops.audit_log WHERE target = %s AND action = 'dead_letter:abandon'",
        [f"dead_letter:{letter}"],
    ).fetchall()
    assert store.dead_letters.get(letter).state is DeadLetterState.ABANDONED
    assert store.dead_letters.get(other).state is DeadLetterState.OPEN
    assert (line["actor"], line["metadata"]["why"]) == ("user:operator", "only a test")
    with closing(psycopg.connect(stack.airflow_database_url)) as connection:
        assert AirflowTables(connection).search([ADDRESS]) == {}
        assert AirflowTables(connection).search(["only a test"]) == {}


def test_question_of_a_cleared_run_can_hit_nobody(
    local_stack: LocalStack, stage: Stage, store: Store
):
    """One of two is decided, the question is cleared: who answers the form that Airflow still has decides nothing."""
    with DemoAirflow.at(
        local_stack.stack.airflow_url, **local_stack.stack.users["operator"]
    ) as airflow:
        end_open_reviews(airflow)
        before, review = unanswered(airflow), Review(stage, airflow)
        first, second = a_letter(store, REASON), a_letter(store, "another reason altogether")
        run = airflow.start_run(DAG, {})
        review.waits(run)
        old_form = review.form(run)["params"]
        review.answer(run, "abandon", why="done by hand")
        ends(stage, airflow, DAG, run)
        review.known.add(run)

        clear(airflow, run)
        again = review.next_run()
        ends(stage, airflow, DAG, run)
        assert old_form.keys() - {"why"} > review.form(again)["params"].keys() - {"why"}
        values = {name: "replay" if name != "why" else "she has it" for name in old_form}
        stale = {"chosen_options": ["Carry out"], "params_input": values}
        airflow.ask("PATCH", path_of(again), stale).raise_for_status()
        third = review.next_run()
        ends(stage, airflow, DAG, again)

        assert "another one than that of this question" in review.form(third)["body"]
        assert store.dead_letters.get(first).state is DeadLetterState.ABANDONED
        assert store.dead_letters.get(second).state is DeadLetterState.OPEN
        assert unanswered(airflow) - before == {third}
        review.answer(third, "later", why="", reason="another reason altogether")


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
    with DemoAirflow.at(stack.airflow_url, **login) as airflow:
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


def unanswered(airflow: DemoAirflow) -> set[str]:
    """Return the runs whose question nobody has answered, those that were ended among them."""
    waiting = airflow.ask("GET", f"/dags/{DAG}/dagRuns/~/hitlDetails?response_received=false")
    return {one["task_instance"]["dag_run_id"] for one in waiting.json()["hitl_details"]}


def path_of(run: str) -> str:
    """Return where a run's question is answered."""
    return f"/dags/{DAG}/dagRuns/{run}/taskInstances/{ASK}/-1/hitlDetails"


class Review:
    """The questions, one run after the other, as a client of the REST API sees and answers them."""

    def __init__(self, stage: Stage, airflow: DemoAirflow) -> None:
        """Know the runs there are."""
        self.stage, self.airflow = stage, airflow
        self.known = self.runs()

    def runs(self) -> set[str]:
        """Return the newest runs of the review."""
        path = f"/dags/{DAG}/dagRuns?order_by=-run_after"
        found = self.airflow.ask("GET", path).raise_for_status().json()["dag_runs"]
        return {run["dag_run_id"] for run in found}

    def next_run(self) -> str:
        """Wait for a run that is new, and until it waits for people."""
        self.stage.wait("another run", lambda: bool(self.runs() - self.known), 120)
        [run] = self.runs() - self.known
        self.known.add(run)
        self.waits(run)
        return run

    def waits(self, run: str) -> None:
        """Wait until the task waits for people."""

        def is_asked() -> bool:
            tasks = self.airflow.tasks(DAG, run)
            return any(one.task == ASK and one.state == "awaiting_input" for one in tasks)

        self.stage.wait("the question", is_asked, 90)

    def form(self, run: str) -> dict[str, Any]:
        """Return what Airflow shows."""
        form: dict[str, Any] = self.airflow.ask("GET", path_of(run)).raise_for_status().json()
        return form

    def answer(self, run: str, decision: str, *, why: str, reason: str = REASON) -> None:
        """Decide about the test's own group, as a person does; what others left stays open.

        Airflow wants a value for every field of the form.
        """
        form = self.form(run)["params"]
        [own] = [name for name, field in form.items() if reason in str(field)]
        assert decision in form[own]["schema"]["enum"]
        values = dict.fromkeys(form, "later") | {own: decision, "why": why}
        body = {"chosen_options": ["Carry out"], "params_input": values}
        self.airflow.ask("PATCH", path_of(run), body).raise_for_status()


def clear(airflow: DemoAirflow, run: str) -> None:
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


def ends(stage: Stage, airflow: DemoAirflow, dag: str, run: str) -> None:
    """Wait for a run's end."""
    stage.wait("the run's end", lambda: airflow.run_state(dag, run) in ENDED, 120)


def is_told(stage: Stage, airflow: DemoAirflow, store: Store) -> None:
    """Wait for the question in Slack: what Slack puts off, for a minute and more, the next reconciliations send."""

    def has_come() -> bool:
        if any("Decide" in text for text in messages(stage)):
            return True
        later = airflow.start_run("reconciliation", {"deep": False, "dry_run": False})
        ends(stage, airflow, "reconciliation", later)
        return False

    try:
        stage.wait("the question in Slack", has_come, 300)
    except StoryStoppedError as error:
        waiting = [
            (one.key, one.attempts, one.next_try_at, one.posted_at, one.problem)
            for one in store.notices.waiting()
        ]
        pytest.fail(f"{error}; {waiting=}, told: {messages(stage)[-5:]}")


def messages(stage: Stage) -> list[str]:
    """Return the texts in Slack's channels."""
    return [message["text"] for message in stage.sandbox.get("/state/slack")["messages"]]
