"""The review as Airflow runs it: a task that asks and waits, the answer, and a task that carries it out."""

import orjson
import pytest

from include.errors import ErrorClass
from include.store.dead_letters import DeadLetterState, Failure
from include.store.inbox import InboxState
from include.store.reviews import ReviewState
from tests.airflow_stand_in import running_airflow
from tests.airflow_task import run_task

DAG, RUN = "dead_letter_review", "review.1"


@pytest.fixture
def airflow(monkeypatch):
    """Give an Airflow that takes runs, for the connection `airflow`."""
    with running_airflow() as airflow:
        airflow.dags[DAG] = {"is_paused": False, "has_import_errors": False}
        connection = {"conn_type": "http", "host": airflow.url, "login": "reconciler"}
        document = orjson.dumps({**connection, "password": airflow.password}).decode()
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW", document)
        yield airflow


@pytest.fixture
def letter(connected):
    """Have one open dead letter."""
    [row] = connected.receive({"type": "customer.updated", "id": "evt_1", "livemode": False})
    now = connected.clock.now()
    connected.store.dispatches.attach("run", job="mailchimp_sync", inbox_ids=[row], now=now)
    connected.store.inbox.finish([row], state=InboxState.DEAD, reason="down", now=now)
    failure = Failure(
        job="mailchimp_sync",
        subject=f"row:{row}",
        error_class=ErrorClass.TRANSIENT,
        reason="Mailchimp is out of service",
        inbox_ids=(row,),
    )
    return connected.store.dead_letters.open_case(failure, now=now).id


def ask(**options):
    """Run the task that asks, or goes on with an answer."""
    return run_task(DAG, "ask_people", run_id=RUN, **options)


def answered(values, *, options=("Carry out",)):
    """Return what Airflow hands to the task when a person has answered."""
    return {
        "chosen_options": list(options),
        "params_input": values,
        "responded_at": None,
        "responded_by_user": {"id": "2", "name": "operator"},
        "timedout": False,
    }


def detail(end):
    """Return the form that Airflow was given."""
    [body] = [body for _, path, body in end.calls if "/hitlDetails/" in path]
    return body


def field_of(form):
    """Return the name of the only group's field."""
    return next(iter(form["params"]))


def test_nothing_open_skips_the_rest(connected):
    """No form, no wait."""
    end = ask()

    assert (end.state, end.skipped) == ("success", ["carry_out"])


def test_question_waits_with_a_form_made_at_that_moment(connected, letter):
    """The groups are fields with their choices; the task holds no worker meanwhile."""
    end = ask()

    assert (end.state, end.error) == ("awaiting_input", None)
    form = detail(end)
    assert form["subject"] == "Decide about 1 dead letter in 1 group"
    assert form["options"] == ["Carry out", "Not now"]
    group = form["params"][field_of(form)]
    assert group["value"] == "later"
    assert group["schema"]["enum"] == ["replay", "compensate", "abandon", "later"]
    assert form["params"]["why"]["value"] is None
    assert set(form["params"]) == {field_of(form), "why"}


def test_answer_is_carried_out(connected, letter):
    """The answer goes to our table, nothing through XCom; the next task does it."""
    form = detail(ask())

    answer = ask(event=answered({field_of(form): "replay", "why": "it is back"}))
    end = run_task(DAG, "carry_out", run_id=RUN)

    assert [(one.state, one.xcoms) for one in (answer, end)] == [("success", [])] * 2
    assert connected.store.dead_letters.get(letter).state is DeadLetterState.REPLAYING
    assert connected.store.reviews.get(RUN).actor == "user:operator"
    assert connected.store.reviews.get(RUN).state is ReviewState.DONE


def test_silence_ends_well_and_skips_the_rest(connected, letter):
    """Seven days without an answer are no failure: the letters stay open."""
    ask()

    end = ask(event={"error": "too late", "error_type": "timeout"})

    assert (end.state, end.skipped) == ("success", ["carry_out"])
    assert connected.store.dead_letters.get(letter).state is DeadLetterState.OPEN


def test_abandoning_without_a_reason_is_asked_for_again(connected, airflow, letter):
    """Nothing is red, nothing is done: another run asks, and its form says why."""
    form = detail(ask())

    end = ask(event=answered({field_of(form): "abandon", "why": ""}))
    carried = run_task(DAG, "carry_out", run_id=RUN)
    [(_, run)] = airflow.runs
    again = detail(run_task(DAG, "ask_people", run_id=run))

    assert (end.state, end.skipped, carried.state) == ("success", ["carry_out"], "success")
    assert connected.store.dead_letters.get(letter).state is DeadLetterState.OPEN
    assert again["body"].startswith("**Nothing was done: to abandon needs a reason.**")
    assert again["params"][field_of(again)]["value"] == "abandon"


def test_cleared_question_is_put_by_another_run(connected, airflow, letter):
    """Airflow would show the form of then: this run asks no more, and ends well."""
    ask()

    end = ask(try_number=2, max_tries=1)

    assert (end.state, end.skipped) == ("success", ["carry_out"])
    assert not [path for _, path, _ in end.calls if "/hitlDetails/" in path]
    assert [dag for dag, _ in airflow.runs] == [DAG]
