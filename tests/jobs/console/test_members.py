"""Search, and one member's page: what it says, and what its buttons do."""

import re

import pytest

from include.membership.ends import EndState
from include.store.dead_letters import DeadLetterState
from include.store.findings import Finding, FindingKind
from tests.jobs.console.conftest import plain

EMAIL = "ada@example.org"


@pytest.mark.parametrize(
    "handle",
    [EMAIL, "ADA@example.org", "lovelace", "Ada L", "dead letter 1", "#1"],
)
def test_every_name_leads_to_her(console, unanswered, handle):
    """An address, a name, the number of a dead letter: each alone is enough."""
    found = console().submit("/search", text=handle)

    assert found.headers["HX-Redirect"] == f"/members/{unanswered}"


def test_ids_lead_to_her_and_to_runs(console, world, unanswered):
    """So are her ids at the vendors; an event's id and a run's have pages of their own."""
    member = world.member()
    [event] = world.query("SELECT event_id FROM ops.inbox ORDER BY id LIMIT 1")

    for handle in (member.clerk_user_id, member.stripe_customer_id, str(member.id)):
        assert (
            console().submit("/search", text=handle).headers["HX-Redirect"].endswith(str(member.id))
        )
    assert "/events/" in console().submit("/search", text=event["event_id"]).headers["HX-Redirect"]
    assert "Nothing is known" in plain(console().submit("/search", text="nobody%_@x").text)


def test_who_looked_for_an_address_is_kept_and_the_address_is_not(console, world, unanswered):
    """The audit log has who and whom; nothing of it holds what was typed."""
    console("viewer").submit("/search", text=EMAIL)
    console("viewer").submit("/search", text="else@example.org")

    rows = world.query("SELECT * FROM ops.audit_log WHERE action = 'console:looked_up' ORDER BY id")
    assert [(one["actor"], one["target"]) for one in rows] == [
        ("user:viewer", f"member:{unanswered}"),
        ("user:viewer", "console:search"),
    ]
    assert "@" not in str(rows)


def test_page_says_why_there_was_no_welcome(console, unanswered):
    """What a community manager asks first is answered at the top, in words, with what to do about it."""
    page = console().text(f"/members/{unanswered}")

    assert "Welcome Nobody knows: the answer to the call of" in page
    assert "Open Her welcome may not have arrived: the answer to the call was lost." in page
    assert "Send the welcome again She may get it twice." in page
    assert "She has it: close Nothing is sent" in page
    assert "Ada Lovelace A member. ada@example.org" in page
    assert "Mailchimp subscribed; active, pro" in page


def test_page_shows_who_starts_runs_her_id(console, unanswered):
    """The forms of jobs take it in place of her address; who may start none does not need it."""
    assert f"Our id {unanswered}" in console("operator").text(f"/members/{unanswered}")
    assert "Our id" not in console("viewer").text(f"/members/{unanswered}")


def test_welcome_is_sent_again(console, world, unanswered):
    """One press and a reason: the next run sends it, and the page says so."""
    said = console().act(unanswered, "replay:1")
    assert "It is tried again." in said
    world.sandbox.ask("DELETE", "faults")
    waiting = world.query("SELECT id FROM ops.inbox WHERE state = 'waiting' ORDER BY id")
    world.run_rows([row["id"] for row in waiting])

    assert world.welcome_calls() == 2
    page = console().text(f"/members/{unanswered}")
    assert "Welcome Sent, " in page
    assert "Nothing is open." in page
    assert "by user:community" in page


def test_she_has_it_closes_it(console, world, unanswered):
    """Nothing is sent; who said so and why is in her history."""
    page = console().act(unanswered, "compensate:1", why="she has shown it to me")

    assert "Welcome A person has said that she has it" in page
    assert "because: she has shown it to me" in page
    assert world.store.dead_letters.get(1).state is DeadLetterState.COMPENSATED


@pytest.mark.parametrize(
    ("ended", "lapsed", "should"),
    [
        (False, False, None),
        (False, True, "among the members"),
        (True, False, "not among the members"),
        (True, True, None),
    ],
)
def test_what_slack_should_have_is_said_where_it_differs(console, world, ended, lapsed, should):
    """Who has access is among the members there; the job's next run sees to it."""
    world.run(*world.join())
    member = world.member().id
    if ended:
        world.query(
            "UPDATE public.memberships SET status = 'canceled', ended_at = now() RETURNING 1"
        )
    insert = (
        "INSERT INTO ops.slack_people (member_id, slack_user_id, tied_at) VALUES (%s, 'U1', now())"
    )
    world.store.connection.execute(insert, [member])
    if lapsed:
        world.store.slack.begin_grace_periods(["U1"], now=world.clock.now())

    page = console().text(f"/members/{member}")

    slack = page[page.index("Slack U1") : page.index("Why, rule by rule")]
    assert ("without a membership since" in slack) is lapsed
    assert (f"Should be: {should}." in slack) if should else ("Should be" not in slack)


def test_what_people_did_is_told_in_words(console, world, unanswered):
    """Each act in her history as a sentence, none by its name in the code."""
    found = Finding(kind=FindingKind.DISPUTE, subject="x", words="a dispute", member_id=unanswered)
    world.store.findings.keep(found, now=world.clock.now())
    for act in ("close_finding:1", "replay:1", "note:0"):
        assert "Nothing is changed" not in console().act(unanswered, act)
    start(console, unanswered, "luma_auto_approval:look")

    page = console().get(f"/members/{unanswered}").text

    story = plain(page[page.index('class="story"') :])
    for words in (
        "A person says that it may stay so",
        "A person has it tried again",
        "A note",
        "A person has started a job for her",
    ):
        assert f"{words} by user:community" in story
    assert not re.search(r"\b(console|dead letter|finding|deactivation): ", story)


@pytest.fixture
def leaving(world):
    """Let a member ask to leave at the end of her period, and return her id and her planned end."""
    world.run(*world.join())
    world.run(*world.act("cancel_at_period_end", email=EMAIL))
    [row] = world.store.deactivations.read_open()
    return world.member().id, row.id


def test_she_is_kept_and_let_go_again(console, world, leaving):
    """Keeping says what Stripe still does; it can be undone."""
    member, end = leaving
    assert "Keep her Here the membership goes on. Stripe still ends it on" in console().text(
        f"/members/{member}"
    )

    page = console().act(member, f"revoke:{end}", why="a promise")
    assert "Kept: here her membership goes on. Stripe still ends it on" in page
    assert "not to be any more, decided by community: a promise" in page

    page = console().act(member, f"undo:{end}", why="a mistake")
    assert "planned to end again" in page
    assert [one.state for one in world.store.deactivations.of_member(member)] == [
        EndState.REVOKED,
        EndState.PENDING,
    ]


def test_end_now_is_asked_twice(console, world, leaving):
    """What nothing takes back is done at the second press only."""
    member, end = leaving

    page = console().act(member, f"run_now:{end}")
    assert "cannot be undone" in page
    assert world.store.deactivations.get(end).actor is None
    page = console().act(member, f"run_now:{end}", sure=f"run_now:{end}")

    assert "It ends now" in page
    assert world.store.deactivations.get(end).actor == "user:community"


def test_end_is_moved(console, world, leaving):
    """To a moment that is to come; one that is over, or no moment, changes nothing."""
    member, end = leaving
    for at in ("2020-01-01T10:00", "soon", ""):
        page = console().act(member, f"move:{end}", at=at)
        assert "Nothing is changed: " in page

    page = console().act(member, f"move:{end}", at="2099-05-01T10:00")

    assert "Moved to 1 May 2099 10:00 UTC." in page


def test_bring_in_line_goes_through_the_normal_job(console, world):
    """The vendors are asked anew, and Mailchimp gets what it should have."""
    world.run(*world.join())
    world.query("UPDATE ops.objects SET as_of = as_of - interval '1 minute' RETURNING 1")
    contact = world.contact()
    writes = len(world.writes())

    assert "goes through the normal job" in console().act(world.member().id, "in_line:0")
    rows = world.query("SELECT id, type FROM ops.inbox WHERE state = 'waiting' ORDER BY id")
    assert {row["type"] for row in rows} == {"reconciliation.subscription", "reconciliation.user"}
    world.run_rows([row["id"] for row in rows])

    assert len(world.writes()) > writes
    assert world.contact() == contact


def test_note_is_kept(console, unanswered):
    """It stands in her history with who wrote it; one with an address is refused in words, and not lost."""
    assert "because: she prefers mail" in console().act(
        unanswered, "note:0", why="she prefers mail"
    )

    answer = console().submit(
        f"/members/{unanswered}/act", act="note:0", why="she is ada@example.org"
    )
    assert "must not hold an e-mail address" in plain(answer.text)
    assert ">she is ada@example.org</textarea>" in answer.text


def test_an_act_about_somebody_else_is_refused(console, world, unanswered):
    """A button's number that is not hers changes nothing: neither of a second tab nor of a forged form."""
    world.sandbox.ask("DELETE", "faults")
    world.run(*world.join("grace@example.org", first_name="Grace", last_name="Hopper"))
    grace = next(one for one in world.members() if one.email == "grace@example.org")

    page = console().act(grace.id, "compensate:1")

    assert "Nothing is changed: this cannot be done any more" in page
    assert world.store.dead_letters.get(1).state is DeadLetterState.OPEN


def start(console, member, wanted, why="she cannot come in"):
    return console().submit(f"/members/{member}/start", wanted=wanted, why=why)


@pytest.mark.parametrize("how", ["look", "do"])
def test_job_is_started_for_her_by_our_id(console, world, starts, unanswered, how):
    """Found by her address; what Airflow keeps, and shows to everybody, has none; her page says who started it."""
    found = console().submit("/search", text=EMAIL).headers["HX-Redirect"]
    member = found.removeprefix("/members/")

    answer = start(console, member, f"luma_auto_approval:{how}")

    conf = {"member_id": str(unanswered), "dry_run": how == "look"}
    assert starts.asked == [("luma_auto_approval", conf, "community")]
    assert answer.headers["HX-Redirect"] == "/runs/luma_auto_approval/manual__1?awaited=1"
    [row] = world.query("SELECT * FROM ops.audit_log WHERE action = 'console:start'")
    assert (row["actor"], row["target"]) == ("user:community", f"member:{unanswered}")
    assert row["dag_run_id"] == "manual__1"


def test_what_cannot_be_started_changes_nothing(console, world, starts, unanswered):
    """Another job, no reason, an address in it, nobody's id, an Airflow that refuses: said in words."""
    nobody = "00000000-0000-0000-0000-000000000001"
    assert start(console, nobody, "slack_status_sync:do").status_code == 404
    for wanted, why in (
        ("database_cleanup:do", "x"),
        ("slack_status_sync", "x"),
        ("slack_status_sync:do", ""),
        ("slack_status_sync:do", f"she is {EMAIL}"),
    ):
        page = start(console, unanswered, wanted, why).text
        assert "Nothing is changed: " in plain(page)
        assert page.count(f"{why}</textarea>") == (1 if why else 2), "what was typed stays, there"
    assert starts.asked == []
    starts.refusal = "Airflow does not start it"

    assert "Nothing is changed: Airflow does not start it." in plain(
        start(console, unanswered, "slack_status_sync:look").text
    )
    assert world.query("SELECT 1 FROM ops.audit_log WHERE action = 'console:start'") == []


def test_awaited_run_is_looked_at_until_it_is_over(console, world):
    """Who has started one sees it come about; a run that nobody awaits is not asked for again."""
    path = "/runs/slack_status_sync/manual__1"
    assert "It is under way." in console().text(f"{path}?awaited=1")
    assert "hx-get" in console().get(f"{path}?awaited=1").text
    assert "hx-get" not in console().get(path).text

    world.query(
        "INSERT INTO ops.job_runs (job, dag_run_id, status, started_at, finished_at, tries, ends_left, said)"
        " VALUES ('slack_status_sync', 'manual__1', 'success', now(), now(), 1, '{}', '{}') RETURNING 1"
    )

    assert "hx-get" not in console().get(f"{path}?awaited=1").text
