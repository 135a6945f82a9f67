"""Planned ends by day, vendors that are down, how the jobs do."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from include.alerts.history import Sample
from include.failures.breakers import OPENS_AFTER
from include.membership.ends import EndState
from include.routing import UNKNOWN
from include.store.cron_ticks import Tick, TickOutcome
from include.store.inbox import InboxState
from include.store.rejections import AGAIN
from tests.jobs.console.conftest import plain
from tests.jobs.test_webhook_retry import batch
from tests.store.arrivals import make_arrival, receive

EMAIL = "ada@example.org"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def end(world):
    """Let a member ask to leave at the end of her period, and return her planned end."""
    world.run(*world.join())
    world.run(*world.act("cancel_at_period_end", email=EMAIL))
    [row] = world.store.deactivations.read_open()
    return row


def test_planned_ends_stand_by_day_and_name(console, world, end):
    """Who ends when; without the right to see names, that somebody does."""
    page = console().text("/ends")
    assert "1 membership planned to end." in page
    assert f"{end.deactivate_at:%-d %b %Y}: 1 Ada Lovelace" in page.replace(" : 1", ": 1")
    assert "Keep her" in page

    page = console("viewer").text("/ends")
    assert "Lovelace" not in page
    assert f"{end.deactivate_at:%B %Y}: 1" in page
    assert "Keep her" not in page


def test_planned_ends_stand_in_a_calendar(console, world, end):
    """Each in its day, which leads to the list; this month is there without any, and a month without one is not."""
    far = end.deactivate_at.replace(day=1) + timedelta(days=100)
    world.store.connection.execute("UPDATE ops.deactivations SET deactivate_at = %s", [far])

    page = console("viewer").get("/ends").text

    months = re.findall(r"<caption>([^<]*)</caption>", page)
    assert months == [f"{datetime.now(UTC):%B %Y}: none", f"{far:%B %Y}: 1"]
    assert page.count("<td aria-current") == 1
    [(day, number, count)] = re.findall(r'<a href="#day-([^"]*)">(\d+)<b>(\d+)</b>', page)
    assert (day, number, count) == (f"{far:%Y-%m-%d}", str(far.day), "1")
    assert f'id="day-{day}"' in page
    table = page[page.index(months[1]) :]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*)</tr>", table)]
    [week] = [row for row in rows if any("<a" in cell for cell in row)]
    assert "<a" in week[far.weekday()]


def test_end_is_kept_taken_back_and_carried_out_from_the_list(console, world, end):
    """All three from one page; what somebody has kept stays there to be taken back; the end at once is asked twice."""
    form = {"act": f"revoke:{end.id}", "why": "a promise"}
    said = plain(console().submit("/ends/act", **form).text)
    assert "Kept: here her membership goes on" in said
    assert "Kept by somebody in the last 30 days" in said
    assert "Let it end after all" in said

    said = plain(console().submit("/ends/act", act=f"undo:{end.id}", why="no promise").text)
    assert "planned to end again" in said
    [again] = world.store.deactivations.read_open()
    form = {"act": f"run_now:{again.id}", "why": "she has asked for it"}
    assert "End now? Her access ends" in plain(console().submit("/ends/act", **form).text)
    assert world.store.deactivations.get(again.id).actor is None
    said = plain(console().submit("/ends/act", **form, sure=form["act"]).text)

    assert "It ends now" in said
    assert world.store.deactivations.get(again.id).why == "she has asked for it"
    page = console().submit("/ends/act", act=f"move:{again.id}", why="a promise").text
    assert "the new time is missing" in plain(page)
    assert ">a promise</textarea>" in page
    said = plain(console().submit("/ends/act", act="revoke:999", why="x").text)
    assert "Nothing is changed: there is no planned end 999" in said
    assert world.store.deactivations.get(again.id).state is EndState.PENDING


def test_vendor_that_is_down_is_said_and_tried(console, world):
    """Since when, why, who waits, when next; an operator has it tried at once, and that is in the audit log."""
    assert "Mailchimp up" in console().text("/vendors")
    names = (f"m{number}@example.org" for number in range(OPENS_AFTER + 1))
    ids = [row for email in names for row in world.receive(*world.join(email=email))]
    world.sandbox.fault("mailchimp", "status", status=503, times=1000)
    batch(world, ids)

    page = console("operator").text("/vendors")
    assert "Mailchimp down since" in page
    assert re.search(r"events? of \d+ members? waits?: Ada Lovelace", page)
    assert "Lovelace" not in console("viewer").text("/vendors")
    assert "Try now" in page
    assert "Try now" not in console().text("/vendors")
    assert console().submit("/vendors/mailchimp/try").status_code == 403
    assert "nothing to try" in plain(console("operator").submit("/vendors/clerk/try").text)
    assert "Nothing is changed" in plain(console("operator").submit("/vendors/nobody/try").text)
    said = plain(console("operator").submit("/vendors/mailchimp/try").text)

    assert "The next run tries Mailchimp" in said
    [row] = world.query("SELECT actor, target FROM ops.audit_log WHERE action = 'console:try_now'")
    assert row == {"actor": "user:operator", "target": "breaker:mailchimp"}


def test_vendor_is_paused_for_a_time_and_called_again(console, world):
    """By an operator, with a reason; everybody sees who, why and until when; neither is done twice."""
    form = {"act": "pause", "hours": "4", "why": "they move"}
    assert "Pause" not in console().text("/vendors")
    assert console().submit("/vendors/mailchimp/say", **form).status_code == 403

    said = plain(console("operator").submit("/vendors/mailchimp/say", **form).text)
    assert "Paused until" in said
    page = console("viewer").text("/vendors")
    assert "Mailchimp paused by operator until" in page
    assert "they move" in page
    assert "is paused: end the pause" in plain(
        console("operator").submit("/vendors/mailchimp/try").text
    )
    said = plain(
        console("operator").submit("/vendors/mailchimp/say", **{**form, "act": "resume"}).text
    )
    assert "The pause is ended" in said
    assert "Mailchimp up" in said

    wrong = ({"act": "resume"}, {"hours": "9999"}, {"act": "x"}, {"why": ""})
    for one in (*wrong, {"why": "ask grace@example.org"}):
        page = console("operator").submit("/vendors/mailchimp/say", **{**form, **one}).text
        assert "Nothing is changed: " in plain(page)
    assert page.count(">ask grace@example.org</textarea>") == 1
    page = console("operator").submit("/vendors/slack/say", **form).text
    assert "Nothing is changed: no vendor" in plain(page)


def test_jobs_show_numbers_charts_and_the_last_error(console, world):
    """What ended how in a window that can be chosen; the charts' numbers are in the page, and said in words."""
    insert = (
        "INSERT INTO ops.job_runs (job, dag_run_id, status, started_at, finished_at, tries, ends_left, reason)"
        " VALUES ('mailchimp_sync', %s, %s, now() - interval '90 minutes', now() - interval '89 minutes', 1, '{}', %s)"
    )
    for number in range(3):
        world.store.connection.execute(insert, [f"run {number}", "success", None])
    world.store.connection.execute(insert, ["run/4", "failed", "it <b>broke</b>"])

    page = console("viewer").get("/jobs").text
    assert "Runs 4 75.0 % well" in plain(page)
    assert "Completed 3 1 failed" in plain(page)
    assert "Average 60" in plain(page) or "Average 1 min" in plain(page)
    assert "it <b>broke</b>" in plain(page.replace("&lt;", "\x00")).replace("\x00", "<").replace(
        "&gt;", ">"
    )
    assert "/dags/mailchimp_sync/runs/run%2F4" in page
    assert "3 ended well and 1 did not" in plain(page)
    runs, *_ = (json.loads(unescape(one)) for one in re.findall(r'data-chart="([^"]*)"', page))
    assert [sum(line["values"]) for line in runs["series"]] == [3, 1]
    assert "Runs 0 none ended" in console("viewer").text("/jobs?hours=1")
    assert console().get("/jobs?hours=9999").status_code == 422


def test_jobs_show_the_age_of_the_inbox_and_each_expected_start(console, world):
    """The oldest that waited, by hour; the worst that became of an hour's starts is marked, and all of it said."""
    now = world.clock.now()
    nothing = dict.fromkeys(("success_count", "failure_count", "lost_count", "running_jobs"), 0)
    world.store.alerts.add_samples(
        Sample(
            at=now - minutes * MINUTE,
            job=job,
            since=now - HOUR,
            **nothing,
            queued_jobs=1,
            dlq_count=0,
            oldest_waiting_seconds=seconds,
            silent_minutes=None,
        )
        for minutes, job, seconds in ((150, None, 70.0), (151, None, 40.0), (150, "x", 999.0))
    )
    hour = now.replace(minute=0, second=0, microsecond=0) - 3 * HOUR
    ticks = [
        Tick(job="database_cleanup", tick_at=hour, outcome=TickOutcome.RAN),
        Tick(job="reconciliation", tick_at=hour, outcome=TickOutcome.RAN),
        Tick(
            job="reconciliation",
            tick_at=hour + MINUTE,
            outcome=TickOutcome.MISSED,
            reason="a <b>gap",
        ),
        Tick(job="reconciliation", tick_at=hour - 30 * HOUR, outcome=TickOutcome.SKIPPED),
    ]
    world.store.cron_ticks.note(ticks, now=now)

    page = console("viewer").get("/jobs").text

    charts = [json.loads(unescape(one)) for one in re.findall(r'data-chart="([^"]*)"', page)]
    assert [one for one in charts[2]["series"][0]["values"] if one is not None][-1] == 70
    assert "the oldest had waited 70 s" in plain(page)
    assert page.count('title="1 ran"') == 1
    assert page.count('title="1 missed, 1 ran"') == 1
    assert page.count("none was due</span>") == 2 * 23
    assert 'title="1 skipped"' not in page


KIND = "invoice.paid"


def test_vendors_show_how_their_webhooks_come(console, world):
    """The last one, the hours beside what is usual, what was refused and why, and the types that no job takes."""
    now, store = world.clock.now(), world.store
    hours = {f"evt_{ago}": now - ago * HOUR for ago in range(1, 6 * 7 * 24)}
    store.inbox.receive(
        [
            make_arrival(name, type=KIND, received_at=at, created_at=at, state=InboxState.PROCESSED)
            for name, at in hours.items()
        ]
    )
    receive(store, "evt_late", type=KIND, received_at=hours["evt_3"], created_at=hours["evt_5"])
    ignored = {"job": None, "state": InboxState.IGNORED, "reason": UNKNOWN.reason}
    receive(store, "evt_x", "evt_y", type="payout.paid", received_at=hours["evt_9"], **ignored)
    some = {("stripe", "no signature matches"): 1200, ("stripe", AGAIN): 7, ("clerk", "body"): 3}
    store.rejections.add(some, now=now - HOUR)

    page = console("viewer").get("/vendors").text

    stripe, clerk = plain(page).split("Clerk Last")
    assert f"Stripe Last {hours['evt_1']:%-d %b %Y %H:%M} UTC" in stripe
    assert "Refused in a day 1,200 no signature matches Late" in stripe
    assert "1 late, 7 again" in stripe
    assert "No job takes, in a day 2 payout.paid" in stripe
    assert "49 came in the last 48 hours, where 48.0 are usual" in stripe
    came, usual = json.loads(unescape(re.search(r'data-chart="([^"]*)"', page)[1]))["series"]
    assert (sum(came["values"]), set(usual["values"])) == (49, {1})
    assert clerk.startswith(" none lately Refused in a day 3 body")
    assert "0 came in the last 48 hours, and what is usual is known after 4 weeks" in clerk
