"""The console as people use it: on a telephone, by the keyboard, in Airflow's frame; on the real stack."""

import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from include.lab.demo.play import stage_on
from include.store import Store
from tests.browser.airflow_ui import browser_page

pytestmark = pytest.mark.timeout(900)
AXE = Path(__file__).parent / "axe" / "axe.min.js"
PHONE = {"width": 360, "height": 740}
SIZES = (360, 768, 1440)
MINUTE = 60
ANSWER_LOST = {"vendor": "mailchimp", "path": "/customer-journeys/*", "kind": "lost_answer"}


@pytest.fixture(scope="module")
def stack(local_stack):
    """Give the stack's addresses and people."""
    return local_stack.stack


@pytest.fixture(scope="module")
def stage(local_stack):
    """Give what plays the vendors' side."""
    with stage_on(local_stack.stack) as stage:
        yield stage


@pytest.fixture(scope="module")
def store(stack):
    """Give the ops tables."""
    with closing(Store.connect(stack.database_url)) as store:
        yield store


@pytest.fixture(scope="module")
def unwelcomed(stage):
    """Let a member join whose welcome's answer is lost, and return her."""
    who = stage.newcomer(1)
    stage.sandbox.post("/faults", ANSWER_LOST)
    stage.deliver("she joins, and the answer is lost", stage.join(who, "clerk_first").events)
    stage.sandbox.http.delete("/faults").raise_for_status()
    return who


@contextmanager
def console(stack, folder, who, *, size=PHONE, theme="light"):
    """Give a fresh browser in which somebody opens the console by its address, and logs in."""
    with browser_page(folder) as page:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        page.goto(stack.console_url)
        page.locator("input[name=username]").fill(stack.users[who]["username"])
        page.locator("input[name=password]").fill(stack.users[who]["password"])
        page.locator("input[type=submit], button[type=submit]").first.click()
        page.wait_for_url(f"{stack.console_url}**")
        yield page


def look_up(page, text):
    """Search as a person does: the key, the words, Enter."""
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def serious(page):
    """Return what axe finds that matters, each with where it is."""
    page.evaluate(AXE.read_text())  # not by a tag: the page lets no foreign script in
    found = page.evaluate("axe.run()")["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def look_through(page, path_of, stack, paths):
    """Look at pages in light and dark, in three widths: nothing serious, nothing that has to be shifted sideways."""
    for path in paths:
        page.goto(f"{stack.console_url}{path_of(path)}")
        for width in SIZES:
            page.set_viewport_size({"width": width, "height": 800})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                assert serious(page) == [], (path, width, theme)
            too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not page.evaluate(too_wide), (path, width)


def test_why_no_welcome_is_answered_and_mended_in_a_minute(stack, stage, unwelcomed, tmp_path, say):
    """Who has the address and a login alone finds out on a telephone why, sends it again, and sees that it is sent."""
    with console(stack, tmp_path, "community") as page:
        began = time.monotonic()
        look_up(page, unwelcomed.email)
        expect(page.locator("#welcome")).to_contain_text("Nobody knows: the answer to the call")
        answered = time.monotonic() - began
        expect(page.get_by_role("button", name="Send the welcome again")).to_be_visible()
        page.get_by_label("Why, for the audit log").fill("she has asked for it by telephone")
        page.get_by_role("button", name="Send the welcome again").click()
        expect(page.get_by_role("status")).to_contain_text("It is tried again.")
        expect(page.locator("#welcome")).to_contain_text("Sent,", timeout=MINUTE * 1000)
        expect(page.locator("#problem")).to_contain_text("Nothing is open")
        mended = time.monotonic() - began
        expect(page.get_by_role("heading", name=unwelcomed.last_name)).to_be_visible()

    say.in_the_end(f"why no welcome: answered after {answered:.1f} s, mended after {mended:.1f} s")
    assert mended < MINUTE
    assert stage.sandbox.contacts()[unwelcomed.email].welcomes >= 1
