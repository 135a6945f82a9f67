"""The console as people use it: on a telephone, by the keyboard, in Airflow's frame; on the real stack."""

import re
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from include.lab.demo.stage import DAG
from include.store.breakers import BreakerState
from include.store.dead_letters import DeadLetterAction
from tests.browser.airflow_ui import (
    WAIT_SECONDS,
    browser_page,
    console,
    go_by_keyboard,
    log_in,
    look_over,
    look_up,
    say_by_keyboard,
    somebody,
    tab_to,
)
from tests.waiting import until

pytestmark = pytest.mark.timeout(900)
expect.set_options(timeout=WAIT_SECONDS * 1000)
MINUTE = 60
HOSTILE = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
ANSWER_LOST = {"vendor": "mailchimp", "path": "/customer-journeys/*", "kind": "lost_answer"}


@pytest.fixture(scope="module")
def unwelcomed(stage):
    """Let a member join whose welcome's answer is lost, and return her."""
    who = somebody(stage, 1)
    stage.sandbox.post("/faults", ANSWER_LOST)
    stage.deliver("she joins, and the answer is lost", stage.join(who, "clerk_first").events)
    stage.sandbox.http.delete("/faults").raise_for_status()
    return who


@pytest.fixture(scope="module")
def leaving(stage):
    """Let a member join and ask to leave at the end of her period, and return her."""
    who = somebody(stage, 2)
    stage.deliver("she joins", stage.join(who, "clerk_first").events)
    act = stage.sandbox.act("cancel_at_period_end", email=who.email)
    stage.deliver("she asks to leave", act.events)
    return who


@contextmanager
def timed(say, what):
    """Say how long a person took, and hold that it was less than a minute."""
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    say.in_the_end(f"console, 360 px wide: {what} in {seconds:.1f} s")
    assert seconds < MINUTE


def test_who_needs_a_decision_is_found_in_a_minute(stack, unwelcomed, tmp_path, say):
    """By name, with the cause and what is likely right; from there one press leads to her."""
    with console(stack, tmp_path, "community") as page, timed(say, "who needs a decision"):
        go_by_keyboard(page, "Needs a person")
        case = page.get_by_role("listitem").filter(has_text=unwelcomed.last_name)
        expect(case).to_contain_text("the answer to the call was lost")
        expect(case).to_contain_text("send the welcome again")
        tab_to(page, case.get_by_role("link", name=unwelcomed.last_name))
        page.keyboard.press("Enter")
        expect(page.locator("#welcome")).to_contain_text("Nobody knows")


def test_why_no_welcome_is_answered_and_mended_in_a_minute(stack, stage, unwelcomed, tmp_path, say):
    """Who has the address and a login alone finds out, sends it again by the keyboard, and sees it sent."""
    sent = stage.sandbox.contacts()[unwelcomed.email].welcomes
    with console(stack, tmp_path, "community") as page, timed(say, "why no welcome, and mended"):
        look_up(page, unwelcomed.email)
        expect(page.locator("#welcome")).to_contain_text("Nobody knows: the answer to the call")
        say_by_keyboard(page, page, "she has asked for it by telephone", "Send the welcome again")
        expect(page.get_by_role("status")).to_contain_text("It is tried again.")
        expect(page.locator("#welcome")).to_contain_text("Sent,")
        expect(page.locator("#problem")).to_contain_text("Nothing is open")
    assert stage.sandbox.contacts()[unwelcomed.email].welcomes == sent + 1


def test_page_that_looks_again_leaves_a_reason_alone(stack, store, leaving, tmp_path):
    """Something of hers goes on, so her page looks again each three seconds: not while somebody writes in it."""
    store.connection.execute(
        "UPDATE ops.inbox SET state = 'waiting', due_at = now() + interval '1 hour', finished_at = NULL"
        " WHERE id = (SELECT max(inbox.id) FROM ops.inbox JOIN public.users ON users.id = member_id WHERE email = %s)",
        [leaving.email],
    )
    with console(stack, tmp_path, "community") as page:
        page.clock.install()
        look_up(page, leaving.email)
        why = page.get_by_label("Why, for the audit log")
        why.fill("she has thought")
        page.get_by_role(
            "heading", level=1
        ).click()  # the focus is elsewhere: what is written is hers all the same
        page.clock.run_for(10_000)
        expect(why).to_have_value("she has thought")
        why.fill("")
        page.get_by_role("heading", level=1).click()
        with page.expect_response(lambda answer: "/members/" in answer.url):
            page.clock.run_for(10_000)


def test_member_is_kept_in_a_minute(stack, store, leaving, tmp_path, say):
    """She asked to leave and thinks better of it: kept here, and it is said what Stripe still does."""
    with console(stack, tmp_path, "community") as page, timed(say, "keep a member"):
        look_up(page, leaving.email)
        expect(page.locator(".end")).to_contain_text("period end: ")
        say_by_keyboard(page, page, "she has thought better of it", "Keep her")
        expect(page.get_by_role("status")).to_contain_text("Stripe still ends it on")
        expect(page.locator(".end")).to_contain_text("decided by community: she has thought")
    [end] = [
        row
        for row in store.connection.execute("SELECT * FROM ops.deactivations").fetchall()
        if row["why"] == "she has thought better of it"
    ]
    assert (end["state"], end["actor"]) == ("revoked", "user:community")


@pytest.fixture
def mailchimp_down(stage):
    """Let Mailchimp answer nobody, until the test mends it or ends."""
    stage.sandbox.post("/faults", {"vendor": "mailchimp", "kind": "status", "status": 503})
    yield
    stage.sandbox.http.delete("/faults").raise_for_status()


@pytest.mark.usefixtures("mailchimp_down")
def test_what_is_wrong_at_mailchimp_is_found_in_a_minute(stack, stage, store, tmp_path, say):
    """Down since when, why, who waits and until when; once it is mended, a press has it tried at once."""
    people = [somebody(stage, number) for number in range(8, 15)]
    names = {f"{one.first_name} {one.last_name}" for one in people}
    acts = [stage.join(one, "clerk_first") for one in people]
    stage.sandbox.send([event for act in acts for event in act.events], copies=1, at_once=4)
    assert until(lambda: is_down(store), 90)
    with console(stack, tmp_path, "operator") as page:
        with timed(say, "what is wrong at Mailchimp"):
            go_by_keyboard(page, "Vendors")
            row = row_of(page, "Mailchimp")
            expect(row).to_contain_text("down since")
            expect(row).to_contain_text("Mailchimp is out of service")
            link = row.get_by_role("link").first
            name = link.inner_text()
            assert name in names
            tab_to(page, link)
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.go_back()
        stage.sandbox.http.delete("/faults").raise_for_status()
        assert until(lambda: pressed(page) or not is_down(store), 60)
        assert until(lambda: not is_down(store), 120)
        page.reload()
        expect(row).to_contain_text(re.compile(r"Mailchimp\s+up"))


def row_of(page, name):
    """Return a vendor's row."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def is_down(store):
    """Tell whether Mailchimp is not called."""
    breaker = store.breakers.get("mailchimp")
    return breaker is not None and breaker.state is not BreakerState.CLOSED


def pressed(page):
    """Press *Try now* where it is offered; tell whether the page says that a run tries it."""
    page.reload()
    button = page.get_by_role("button", name="Try now mailchimp")
    if not button.count():
        return False
    button.click()
    return "The next run tries Mailchimp" in page.get_by_role("status").inner_text()


def test_alert_is_silenced_and_vendor_paused_by_keyboard_on_a_phone(stack, store, tmp_path):
    """With a reason and a time, by an operator; who may decide about members alone sees it, and gets no button."""
    rule = "dlq items accumulating"
    with console(stack, tmp_path / "operator", "operator") as page:
        go_by_keyboard(page, "Alerts")
        case = page.locator(f"#{rule.replace(' ', '_')}")
        open_and_say(page, case, "moved by a test", "Silence")
        expect(case).to_contain_text("Silenced by operator until")
        open_and_say(page, case, "over", "Tell it again")
        expect(case).not_to_contain_text("Silenced")

        go_by_keyboard(page, "Vendors")
        row = row_of(page, "Clerk")
        open_and_say(page, row, "they move", "Pause: what needs it waits")
        expect(row).to_contain_text("paused by operator until")
    with console(stack, tmp_path / "community", "community") as page:
        page.get_by_role("link", name="Vendors").click()
        expect(row_of(page, "Clerk")).to_contain_text("they move")
        expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
        page.get_by_role("link", name="Alerts").click()
        expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
        expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
    with console(stack, tmp_path / "again", "operator") as page:
        go_by_keyboard(page, "Vendors")
        row = row_of(page, "Clerk")
        open_and_say(page, row, "they have", "Call it again now")
        expect(page.get_by_role("status")).to_contain_text("The pause is ended")
    assert store.breakers.get("clerk").state is BreakerState.CLOSED


def open_and_say(page, place, why, button):
    """Open what can be said of something, and say it; no mouse."""
    tab_to(page, place.locator("summary"))
    page.keyboard.press("Enter")
    say_by_keyboard(page, place, why, button)


def test_pages_are_for_everybody_and_hostile_names_are_words(stack, stage, store, tmp_path):
    """In light and dark, on a telephone and a wide screen axe finds nothing serious; no name or payload is ever run."""
    hostile = replace(stage.newcomer(3), first_name=HOSTILE, last_name="O'Hara\"><b>")
    act = stage.join(hostile, "clerk_first")
    run = stage.deliver("her name is a script", act.events).runs[0]
    [row] = store.connection.execute(
        "SELECT id, member_id FROM ops.inbox WHERE event_id = %s", [act.events[0].id]
    )
    dialogs = []
    with console(stack, tmp_path, "operator") as page:
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        look_up(page, hostile.email)
        expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
        paths = ("", "waiting", "ends", "vendors", "jobs", "alerts", "events", "card")
        paths = (
            *paths,
            f"members/{row['member_id']}",
            f"events/{row['id']}",
            "alerts/dlq_items_accumulating",
            f"waiting/decisions/{about_nobody(store)}",
            f"runs/{DAG}/{quote(run, safe='')}",
        )
        found = []
        for path in paths:
            page.goto(f"{stack.console_url}{path}")
            page.get_by_role("heading", level=1).wait_for()
            found += look_over(page, path)
            assert page.evaluate("window.hit") is None
    assert (found, dialogs) == ([], [])


def about_nobody(store):
    """Write down a decision about a dead letter that is not there, and return its number."""
    why, now = "shown to axe", datetime.now(UTC)
    return store.dead_letters.decide(
        DeadLetterAction.ABANDON, [10**9], actor="user:somebody", why=why, per_minute=None, now=now
    ).id


def test_console_is_in_airflows_ui(stack, stage, tmp_path):
    """In the navigation, and as a tab on a run with the members in it; a link leads out of the frame."""
    who = somebody(stage, 5)
    delivery = stage.deliver("she joins", stage.join(who, "clerk_first").events)
    with browser_page(tmp_path) as page:
        log_in(page, stack)
        card = page.frame_locator("iframe[title='Needs a person']")
        expect(card.get_by_role("heading", name="Needs a person")).to_be_visible()
        page.get_by_role("link", name="Ops console").click()
        frame = page.frame_locator("iframe[src*='ops/']")
        frame.get_by_label("Search").fill(who.email)
        frame.get_by_role("button", name="Find").click()
        expect(frame.locator("#welcome")).to_contain_text("Sent,")
        frame.get_by_role("link", name="run", exact=True).first.click()
        page.wait_for_url("**/dags/*/runs/**")

        page.goto(stack.run_url(DAG, delivery.runs[0]))
        page.get_by_role("link", name="Members", exact=True).click()  # not the task `load_members`
        expect(page.frame_locator("iframe").get_by_role("main")).to_contain_text(who.last_name)


def test_community_decides_and_has_nothing_of_airflows(stack, unwelcomed, tmp_path):
    """The role made at set-up opens the console alone; a viewer sees no address; nobody else gets in."""
    with console(stack, tmp_path / "community", "community") as page:
        asked = page.request.get(f"{stack.airflow_url}/api/v2/dags/{DAG}/dagRuns")
        assert asked.status == 403
    with console(stack, tmp_path / "viewer", "viewer") as page:
        look_up(page, unwelcomed.email)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Member ")
        expect(page.get_by_role("main")).not_to_contain_text(unwelcomed.email)
        expect(page.get_by_role("button", name="Send the welcome again")).to_have_count(0)
    assert httpx.get(stack.console_url).status_code == 303
    assert httpx.get(f"{stack.console_url}jobs").status_code == 303
