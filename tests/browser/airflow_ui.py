"""Airflow's UI in Debian's Chromium, as a person uses it."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, ViewportSize, sync_playwright

from include.lab.demo.play import stage_on
from include.lab.demo.stage import DAG, Newcomer, Stage
from include.lab.stack.stack import Stack

CHROMIUM = shutil.which("chromium")
ABSENT = "Chromium is not installed: apt-get install chromium"
QUIET = (
    "--no-sandbox",  # root has no user namespace of its own in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZE = {"width": 1400, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
Theme = Literal["light", "dark"]
TASKS = ("load_members", "update_mailchimp", "trigger_welcome", "record")
WAIT_SECONDS = 60
LOG_IN_AGAIN_SECONDS, TOO_MANY = 5, 429


def welcoming_run(stack: Stack) -> str:
    """Let a member join and return the address of the run that welcomed her."""
    with stage_on(stack) as stage:
        paid = stage.join(stage.newcomer(), "clerk_first").of_type("checkout.session.completed")
        [run] = stage.deliver("she has paid", paid).runs
        assert stage.problems == []
        return stage.airflow.page_of(DAG, run)


@contextmanager
def browser_page(profile: Path) -> Iterator[Page]:
    """Give a page of a fresh browser whose profile is kept in the folder `profile`."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            headless=True,
            args=[*QUIET],
            viewport=SIZE,
            color_scheme="light",
            locale="en-US",
            timezone_id="UTC",
        )
        context.set_default_timeout(WAIT_SECONDS * 1000)
        try:
            yield context.pages[0]
        finally:
            context.close()


def fill_form(page: Page, stack: Stack, who: str, address: str) -> None:
    """Open a page and log in there; again where Airflow takes no more log-ins for now: it takes five in 40 s."""
    for _ in range(WAIT_SECONDS // LOG_IN_AGAIN_SECONDS):
        page.goto(address)
        page.locator("input[name=username]").fill(stack.users[who]["username"])
        page.locator("input[name=password]").fill(stack.users[who]["password"])
        with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
            page.locator("input[type=submit], button[type=submit]").first.click()
        if posted.value.status != TOO_MANY:
            return
        page.wait_for_timeout(LOG_IN_AGAIN_SECONDS * 1000)


def log_in(page: Page, stack: Stack, who: str = "operator") -> None:
    """Log in through the form."""
    fill_form(page, stack, who, stack.airflow_url)
    page.wait_for_url(f"{stack.airflow_url}/**")
    page.get_by_text("Dags", exact=True).first.wait_for()


@contextmanager
def console(
    stack: Stack, folder: Path, who: str, *, size: ViewportSize = PHONE, theme: Theme = "light"
) -> Iterator[Page]:
    """Give a fresh browser in which somebody opens the console by its address, and logs in."""
    with browser_page(folder) as page:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        fill_form(page, stack, who, stack.console_url)
        page.wait_for_url(f"{stack.console_url}**")
        yield page


def look_up(page: Page, text: str) -> None:
    """Search in the console as a person does: the key, the words, Enter."""
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def somebody(stage: Stage, number: int) -> Newcomer:
    """Invent a member whose name nobody else of this stack has: other tests' members are there too."""
    who = stage.newcomer(number)
    return replace(who, last_name=f"{who.last_name}-{secrets.token_hex(3)}")


def open_graph(page: Page, address: str) -> None:
    """Open a run and wait until its graph with all its tasks is drawn."""
    page.goto(address)
    page.get_by_label("Show Graph").click()
    for task in TASKS:
        page.get_by_test_id(f"rf__node-{task}").wait_for()


def open_trigger_form(page: Page, stack: Stack) -> None:
    """Open the form by which a person starts a run."""
    page.goto(f"{stack.airflow_url}/dags/{DAG}")
    page.get_by_test_id("trigger-dag-button").click()
