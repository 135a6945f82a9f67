"""What needs a person: by name, one by one, and many at once after their count."""

import re

import pytest

from include.errors import ErrorClass
from include.failures import dead_letters as desk
from include.store.dead_letters import DeadLetterState, Failure
from include.store.findings import Finding, FindingKind
from tests.jobs.console.conftest import plain
from tests.jobs.test_dead_letters import dead


@pytest.fixture
def letters(world):
    """Give three alike dead letters that are nobody's, and one of another kind."""
    reasons = [*(f"run {n} is gone" for n in range(3)), "quite another cause"]
    return [
        world.store.dead_letters.open_case(
            Failure(
                job="slack_status_sync",
                subject=f"run:{number}",
                error_class=ErrorClass.PERMANENT,
                reason=reason,
            ),
            now=world.clock.now(),
        )
        for number, reason in enumerate(reasons)
    ]


def test_who_needs_a_decision_is_said_by_name(console, world, unanswered):
    """Whom it is about, since when, why, and what is likely right; for who may not see names, that it is somebody."""
    page = console().text("/waiting")
    assert "1 to decide" in page
    assert "Ada Lovelace , since" in page
    assert "the answer to the call was lost. Likely right: send the welcome again." in page

    page = console("viewer").text("/waiting")
    assert "Lovelace" not in page
    assert f"Member {str(unanswered)[:8]}" in page
    assert "Try again" not in page
    assert "dead letters 1" in console("viewer").text("/card")


def test_many_are_decided_after_their_count(console, world, letters):
    """The first press counts; the second does it, if the count is still the same; then each is in the audit log."""
    form = {"job": letters[0].job, "fingerprint": letters[0].fingerprint, "act": "abandon"}
    form |= {"why": "Slack was renamed"}

    asked = plain(console().submit("/waiting/all", **form).text)
    assert "Let them be: 3 dead letters?" in asked
    assert "Let them be: 3 dead letters?" in plain(
        console().submit("/waiting/all", **form, sure="2").text
    )
    assert world.store.dead_letters.counts()[DeadLetterState.OPEN] == 4
    page = decided(console(), console().submit("/waiting/all", **form, sure="3"))

    assert "Done: 3 changed, 3 of 3 had their turn" in console().text(page)
    assert world.store.dead_letters.counts() == {
        DeadLetterState.OPEN: 1,
        DeadLetterState.ABANDONED: 3,
    }
    rows = world.query(
        "SELECT actor, metadata FROM ops.audit_log WHERE action = 'dead_letter:abandon'"
    )
    assert {(row["actor"], row["metadata"]["why"]) for row in rows} == {
        ("user:community", "Slack was renamed")
    }


def decided(browser, answer, *, most=10):
    """Ask for portions as the page does, until it asks for none; return its path."""
    path = answer.headers["HX-Redirect"]
    for _ in range(most):
        found = re.search(r'hx-post="([^"]*/step)"', browser.get(path).text)
        if not found:
            return path
        browser.submit(found[1]).raise_for_status()
    raise AssertionError(f"{path} asks for more than {most} portions")


def test_many_are_done_in_portions_and_whoever_stops_does_nothing_twice(
    console, world, letters, monkeypatch
):
    """Written down by the first request, then a portion each; left in the middle it is on the list, for all who may."""
    monkeypatch.setattr(desk, "PORTION", 2)
    form = {"error_class": "permanent", "act": "abandon", "why": "known"}
    assert "About all of these: 4" in console().text("/waiting?error_class=permanent")
    answer = console().submit("/waiting/all", **form, sure="4")
    path = answer.headers["HX-Redirect"]
    assert world.store.dead_letters.counts() == {DeadLetterState.OPEN: 4}
    console().submit(f"{path}/step").raise_for_status()
    assert world.store.dead_letters.counts()[DeadLetterState.ABANDONED] == 2
    assert "Not done yet: “Let them be” of community, 2 of 4. Go on" in console().text("/waiting")
    assert f'hx-post="{path}/step"' not in console("viewer").get(path).text
    assert "it is not done yet" in plain(console().submit(f"{path}/undo", why="no").text)

    decided(console("operator"), answer)
    console().submit(f"{path}/step").raise_for_status()

    assert world.store.dead_letters.counts() == {DeadLetterState.ABANDONED: 4}
    assert len(world.query("SELECT FROM ops.audit_log WHERE action = 'dead_letter:abandon'")) == 4
    assert "Not done yet" not in console().text("/waiting")

    assert "the reason is missing" in plain(console().submit(f"{path}/undo").text)
    undone = decided(console(), console().submit(f"{path}/undo", why="not known after all"))
    assert "Done: 4 changed" in console().text(undone)
    assert world.store.dead_letters.counts() == {DeadLetterState.OPEN: 4}
    again = plain(console().submit(f"{path}/undo", why="once more").text)
    assert "nothing is left of it that could be taken back" in again


def test_many_are_tried_again_at_a_pace_and_the_rest_is_stopped(console, world):
    """So many a minute as was chosen; what has come of them is said, and what no run has taken is stopped."""
    ids = dead(world.store, 2)
    form = {"job": "mailchimp_sync", "act": "replay", "why": "it is up again"}
    assert "30 a minute" in plain(console().submit("/waiting/all", **form).text)
    wrong = plain(console().submit("/waiting/all", **form, sure="2", pace="9999").text)
    assert "Nothing is changed: there is no such pace" in wrong

    page = decided(console(), console().submit("/waiting/all", **form, sure="2", pace="30"))

    assert "30 are due a minute" in console().text(page)
    assert "2 still to be tried, or under way" in console().text(page)
    first, second = (
        row["due_at"] for row in world.query("SELECT due_at FROM ops.inbox ORDER BY id")
    )
    assert (second - first).total_seconds() == 2
    stopped = decided(console(), console().submit(f"{page}/undo", why="wait"))
    assert "Stop the rest: 2 dead letters" in console().text(stopped)
    assert {world.store.dead_letters.get(one).state for one in ids} == {DeadLetterState.OPEN}
    assert console().get("/waiting/decisions/999").status_code == 404
    assert "Nothing is chosen" in console().text("/waiting?error_class=nonsense")


@pytest.mark.parametrize(
    "wrong", [{"act": "compensate"}, {"act": "nonsense"}, {"why": ""}, {"why": "for a@b.example"}]
)
def test_what_cannot_be_done_to_many_changes_nothing(console, world, letters, wrong):
    """An act that is not for many, or no reason that can be kept: it is said, and nothing is done."""
    form = {"job": letters[0].job, "fingerprint": letters[0].fingerprint, "act": "abandon"}
    form |= {"why": "her bank", "sure": "3", **wrong}

    page = console().submit("/waiting/all", **form).text

    assert "Nothing is changed: " in plain(page)
    is_kept = page.count(f'value="{form["why"]}"') == 1
    assert is_kept is bool(form["why"]), (
        "what was typed stays, beside the form that it was typed in"
    )
    assert world.store.dead_letters.counts() == {DeadLetterState.OPEN: 4}


def test_nobodys_dead_letter_is_decided_on_the_list(console, world, letters):
    """What is no member's has its buttons there; the filter shows it alone."""
    page = console().text(f"/waiting?ids={letters[3].id}")
    assert "1 to decide among these" in page
    assert "quite another cause" in page
    assert "Likely right: close: it is known." in page
    form = {"act": f"replay:{letters[3].id}", "why": "again"}
    said = plain(console().submit("/waiting/act", **form).text)
    assert "Nothing is changed: 1 not changed" in said
    assert "has no events, and its next run does the work" in said

    form = {"act": f"abandon:{letters[3].id}", "why": "known"}
    assert "Let be." in plain(console().submit("/waiting/act", **form).text)
    assert world.store.dead_letters.get(letters[3].id).state is DeadLetterState.ABANDONED


def test_search_leads_to_nobodys_dead_letter_alone(console, letters):
    """Its number finds it, not a list to look through."""
    to = console().submit("/search", text=f"dead letter {letters[3].id}").headers["HX-Redirect"]

    assert "1 to decide among these" in console().text(to)
    assert "quite another cause" in console().text(to)


def test_what_its_event_said_stands_beside_how_she_is_now(console, world):
    """Where somebody has mended it at the vendor since, trying again is right; names are for who may see them."""
    world.sandbox.fault("mailchimp", "status", status=400, path="/lists/*/members/*", times=100)
    world.run(*world.join())
    world.query("UPDATE public.users SET email = 'right@example.org' RETURNING 1")
    for path in ("/waiting", f"/members/{world.member().id}"):
        page = console().text(path)
        assert "Ada Lovelace, ada@example.org" in page
        assert "a checkout for sub_" in page
        page = console("viewer").text(path)
        assert "is as her name and address say" in page
        assert "@example.org" not in page
    assert "Now: a member, right@example.org, at Mailchimp no contact." in console().text(
        "/waiting"
    )

    for path in set(re.findall(r'href="(/events/\d+)"', console().get("/waiting").text)):
        assert "It said Stripe, " in console().text(path) or "It said Clerk, " in console().text(
            path
        )
    world.query("UPDATE ops.inbox SET body = NULL RETURNING 1")
    assert "what it said is not kept any more" in console().text("/waiting")


def test_refused_reason_stands_where_it_was_typed(console, world, letters):
    """Nobody types it twice, and the form that it was typed in is open."""
    form = {"act": f"abandon:{letters[0].id}", "why": "ask ada@example.org"}

    page = console().submit("/waiting/act", **form).text

    assert "must not hold an e-mail address" in plain(page)
    assert page.count(">ask ada@example.org</textarea>") == 1
    assert page.count("<details open>") == 1


def test_finding_is_closed_with_a_reason(console, world):
    """It is told until somebody says why it may stay so; its link leads to it."""
    finding = Finding(
        kind=FindingKind.UNKNOWN_PRICE, subject="price:1", words="nobody knows price 1"
    )
    world.store.findings.keep(finding, now=world.clock.now())
    assert "unknown price: nobody knows price 1." in console().text("/waiting")
    page = console().get("/waiting").text
    [place] = re.findall(r'href="/waiting#([^"]*)"', page)
    assert f'id="{place}"' in page

    said = console().submit("/waiting/act", act="close_finding:1", why="a gift card")

    assert "Closed: " in plain(said.text)
    assert "Nothing to decide" in console().text("/waiting")


def test_findings_of_a_kind_are_closed_after_their_count(console, world):
    """The first press counts; a yes to another number asks again; other kinds are left alone."""
    kinds = [FindingKind.UNKNOWN_PRICE] * 3 + [FindingKind.DISPUTE]
    for number, kind in enumerate(kinds):
        finding = Finding(kind=kind, subject=f"price:{number}", words=f"number {number}")
        world.store.findings.keep(finding, now=world.clock.now())
    form = {"kind": "unknown_price", "why": "gift cards"}
    question = "Unknown price: they may stay so: 3 findings?"

    for sure in ("", "2"):
        assert question in plain(console().submit("/waiting/findings", **form, sure=sure).text)
    assert len(world.store.findings.read()) == 4
    said = plain(console().submit("/waiting/findings", **form, sure="3").text)

    assert "Closed: 3." in said
    assert [one.kind for one in world.store.findings.read()] == [FindingKind.DISPUTE]
    rows = world.query("SELECT actor FROM ops.audit_log WHERE action = 'finding:close'")
    assert [row["actor"] for row in rows] == ["user:community"] * 3


@pytest.mark.parametrize(
    "wrong", [{"kind": "dispute"}, {"kind": "x"}, {"why": ""}, {"why": "a@example.org"}]
)
def test_what_cannot_be_done_to_findings_changes_nothing(console, world, wrong):
    """None of that kind, no such kind, no reason, an address in it: said in words."""
    for number in range(2):
        subject = f"price:{number}"
        finding = Finding(kind=FindingKind.UNKNOWN_PRICE, subject=subject, words="a price")
        world.store.findings.keep(finding, now=world.clock.now())
    form = {"kind": "unknown_price", "why": "gift cards", "sure": "2", **wrong}

    page = console().submit("/waiting/findings", **form).text

    assert "Nothing is changed: " in plain(page)
    if form["kind"] == "unknown_price":
        assert f'required value="{form["why"]}"' in page, "what was typed stays"
    assert len(world.store.findings.read()) == 2
