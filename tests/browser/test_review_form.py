"""What a person sees and does about dead letters in Airflow's *Required actions*, in a real browser."""

import re
from contextlib import closing

import pytest
from playwright.sync_api import expect

from include.errors import ErrorClass
from include.lab.demo.airflow import DemoAirflow
from include.lab.demo.play import stage_on
from include.store import Store
from include.store.dead_letters import DeadLetterState, Failure
from tests.browser.airflow_ui import browser_page, log_in
from tests.reviews import DAG, end_open_reviews
from tests.waiting import until

pytestmark = pytest.mark.timeout(600)
ASK = "ask_people"
SUBJECT = re.compile("Decide about")
REASON = "the address looks fake, in a browser's test"
WHY = "she has left her right address by telephone"


@pytest.fixture
def store(local_stack):
    """Give the ops tables."""
    with closing(Store.connect(local_stack.stack.database_url)) as store:
        yield store


@pytest.fixture
def letter(store):
    """Give the number of a letter that waits for a person."""
    failure = Failure(
        job="mailchimp_sync",
        subject="run:browser-review",
        error_class=ErrorClass.PERMANENT,
        reason=REASON,
    )
    [now] = store.connection.execute("SELECT now() AS now").fetchone().values()
    return store.dead_letters.open_case(failure, now=now).id


@pytest.fixture
def review(local_stack, letter):
    """Give a run of the review that waits for an answer."""
    with (
        stage_on(local_stack.stack) as stage,
        DemoAirflow.at(
            local_stack.stack.airflow_url, **local_stack.stack.users["operator"]
        ) as airflow,
    ):
        end_open_reviews(airflow)
        run = airflow.start_run(DAG, {})

        def is_asked():
            return any(
                task.task == ASK and task.state == "awaiting_input"
                for task in airflow.tasks(DAG, run)
            )

        stage.wait("the question", is_asked, 90)
        yield run


def test_person_decides_in_required_actions(local_stack, store, letter, review, tmp_path):
    """The operator finds the question, reads the group, decides, and it is carried out in her name."""
    stack = local_stack.stack
    with browser_page(tmp_path) as page:
        log_in(page, stack)
        page.goto(f"{stack.airflow_url}/required_actions")
        page.get_by_role("row").filter(has_text=review).get_by_role("link", name=SUBJECT).click()
        expect(page.get_by_role("row").filter(has_text=REASON)).to_contain_text(f"letter {letter}")
        expect(page.get_by_role("button", name="Not now")).to_be_enabled()

        group = page.get_by_role("group").filter(has_text=REASON)
        group.get_by_role("combobox").click()
        page.get_by_role("option", name="abandon").click()
        page.get_by_role("group").filter(has_text="Why").get_by_role("textbox").fill(WHY)
        page.get_by_role("button", name="Carry out").click()
        assert until(lambda: store.dead_letters.get(letter).state is DeadLetterState.ABANDONED, 60)

    told = "SELECT actor, metadata ->> 'why' AS why FROM ops.audit_log WHERE target = %s AND action = %s"
    line = store.connection.execute(told, [f"dead_letter:{letter}", "dead_letter:abandon"])
    assert line.fetchone() == {"actor": "user:operator", "why": WHY}
