"""What a person sees of our jobs in the Airflow UI, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from include.lab.demo.stage import DAG
from tests.browser.airflow_ui import (
    TASKS,
    browser_page,
    log_in,
    open_graph,
    open_trigger_form,
    welcoming_run,
)
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def address(local_stack: LocalStack) -> str:
    """Give the address of the run that welcomed a member."""
    return welcoming_run(local_stack.stack)


@pytest.fixture(scope="module")
def page(
    address: str, local_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Give a browser in which the operator is logged in."""
    with browser_page(tmp_path_factory.mktemp("profile")) as page:
        log_in(page, local_stack.stack)
        yield page


def test_run_shows_its_four_tasks_in_success(page: Page, address: str):
    """The graph of a finished run: one box per outside effect, each a success."""
    open_graph(page, address)

    for task in TASKS:
        expect(page.get_by_test_id(f"rf__node-{task}")).to_contain_text("success", ignore_case=True)


def test_trigger_form_explains_its_one_field(page: Page, local_stack: LocalStack):
    """Whoever starts a run by hand reads what `inbox_ids` is before typing anything."""
    open_trigger_form(page, local_stack.stack)

    expect(page.get_by_role("dialog")).to_contain_text("Inbox rows")
    expect(page.get_by_role("dialog")).to_contain_text("Ids of `ops.inbox`")


def test_dag_page_shows_its_documentation(page: Page, local_stack: LocalStack):
    """The four heads of the DAG's docstring are one click away."""
    page.goto(f"{local_stack.stack.airflow_url}/dags/{DAG}")
    page.get_by_role("button", name="Dag Docs").click()

    for head in ("Starts", "Changes", "Rerun", "When it fails"):
        expect(page.get_by_role("dialog")).to_contain_text(head)
