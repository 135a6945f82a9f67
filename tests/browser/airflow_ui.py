"""Airflow's UI in Debian's Chromium, as a person uses it."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from playwright.sync_api import (
    ConsoleMessage,
    Locator,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

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
SIZES = (360, 768, 1440)
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
AXE = Path(__file__).parent / "axe" / "axe.min.js"
POLICY = "Content Security Policy"
MAX_TABS = 150
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
    """Give a fresh browser in which somebody opens the console by its address, and logs in.

    Whatever she does there, nothing is loaded from elsewhere, no script fails, and no page does what it forbids itself.
    """
    wrong: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith(stack.airflow_url):
            wrong.append(f"asks for {request.url}")

    def note_message(message: ConsoleMessage) -> None:
        if message.type == "error" and POLICY in message.text:
            wrong.append(message.text)

    with browser_page(folder) as page:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        fill_form(page, stack, who, stack.console_url)
        page.wait_for_url(f"{stack.console_url}**")
        page.on("request", note_request)
        page.on("console", note_message)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page
    assert wrong == []


def look_up(page: Page, text: str) -> None:
    """Search in the console as a person does: the key, the words, Enter."""
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the focus is there, as who has no mouse does."""
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"in {MAX_TABS} steps no key leads to {wanted}")


def go_by_keyboard(page: Page, name: str) -> None:
    """Follow a link of the navigation without a mouse."""
    tab_to(page, page.get_by_role("navigation").get_by_role("link", name=name))
    page.keyboard.press("Enter")


def say_by_keyboard(page: Page, place: Locator | Page, why: str, button: str) -> None:
    """Give a reason and press a button without a mouse; what came of it has the focus then."""
    tab_to(page, place.get_by_label("Why, for the audit log"))
    page.keyboard.type(why)
    tab_to(page, place.get_by_role("button", name=button))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_focused()


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds that matters, each with where it is."""
    page.evaluate(AXE.read_text())  # not by a tag: the page lets no foreign script in
    found = page.evaluate("axe.run()")["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def look_over(page: Page, what: str) -> list[tuple[object, ...]]:
    """Return what is wrong with the page in light and dark, in three widths: what axe finds, what is too wide."""
    wrong: list[tuple[object, ...]] = []
    for width in SIZES:
        page.set_viewport_size({"width": width, "height": 800})
        for theme in get_args(Theme):
            page.emulate_media(color_scheme=theme)
            wrong += [(what, width, theme, *one) for one in serious(page)]
        if page.evaluate(TOO_WIDE):
            wrong.append((what, width, "is too wide"))
    return wrong


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
