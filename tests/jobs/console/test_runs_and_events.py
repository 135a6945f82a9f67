"""The tab on a run, and one event with what the vendor sent."""

import re
from html import unescape
from urllib.parse import quote

from tests.jobs.console.conftest import plain


def test_run_says_who_was_in_it_and_what_came_of_her(console, world, unanswered):
    """By name, linked with her page; with the dead letter that it left, and the events that it took."""
    [run] = world.query("SELECT DISTINCT dag_run_id FROM ops.run_members")
    path = f"/runs/mailchimp_sync/{quote(run['dag_run_id'], safe='')}"

    page = console().text(path)
    assert "1 member: 1 is new; welcome uncertain; dead letter 1." in page
    assert "Ada Lovelace is new" in page
    assert "checkout.session.completed" in page
    assert "Lovelace" not in console("viewer").text(path)
    assert "Nothing to do" in console().text("/runs/mailchimp_sync/never")
    again = console().get("/runs/mailchimp_sync/retry.1").text
    assert "/dags/webhook_retry/runs/retry.1" in again  # its events' job is not its DAG


def test_body_is_for_operators(console, world, unanswered):
    """What a vendor sent holds addresses: who decides about members does not need it, who mends does."""
    [row] = world.query("SELECT id FROM ops.inbox WHERE type = 'checkout.session.completed'")

    page = console("operator").text(f"/events/{row['id']}")
    assert "ada@example.org" in page
    for who in ("community", "viewer"):
        page = console(who).text(f"/events/{row['id']}")
        assert "What the vendor sent is for operators" in page
        assert "ada@example.org" not in page
    assert console().get(f"/events/{10**30}").status_code == 404


def test_search_finds_a_run(console, world, unanswered):
    """Its id alone is enough, with whatever characters it has."""
    run = "by-hand.2026/1 of 2"
    world.store.connection.execute(
        "INSERT INTO ops.job_runs (job, dag_run_id, status, started_at, tries, ends_left)"
        " VALUES ('mailchimp_sync', %s, 'running', now(), 1, '{}')",
        [run],
    )

    found = console().submit("/search", text=run)

    assert found.headers["HX-Redirect"] == f"/runs/mailchimp_sync/{quote(run, safe='')}"
    assert "Run of mailchimp sync" in plain(console().get(found.headers["HX-Redirect"]).text)


def test_events_are_listed_by_state(console, world, unanswered):
    """How many there are of each, the newest first, a page at a time."""
    page = console("viewer").text("/events")
    assert "checkout.session.completed" in page
    assert "ada@example.org" not in page
    assert "There is none." in console().text("/events?state=dead")
    insert = (
        "INSERT INTO ops.inbox (provider, mode, event_id, type, received_at, headers, body_sha256, state)"
        " SELECT 'clerk', 'test', 'evt_' || n, 'user.other', now(), '{}', '', 'ignored'"
        " FROM generate_series(1, 60) AS n"
    )
    world.store.connection.execute(insert)

    page = console().get("/events?state=ignored").text
    assert page.count("evt_") == 50
    [older] = re.findall(r'href="(/events[^"]*before=[^"]*)"', page)
    assert console().get(unescape(older)).text.count("evt_") == 10


def test_event_is_sent_again_by_an_operator(console, world):
    """Its job works on it once more, which changes nothing that is right; others may not, and it says why it cannot."""
    world.run(*world.join())
    [number] = [row["id"] for row in world.query("SELECT min(id) AS id FROM ops.inbox")]
    assert console().submit(f"/events/{number}/again", why="x").status_code == 403
    assert "the reason is missing" in plain(
        console("operator").submit(f"/events/{number}/again").text
    )
    welcomes, contact = world.welcome_calls(), world.contact()

    said = plain(console("operator").submit(f"/events/{number}/again", why="a trial").text)
    assert "works on it once more" in said
    again = plain(console("operator").submit(f"/events/{number}/again", why="a trial").text)
    assert "Nothing is changed: only an event that has ended well" in again
    world.run_rows([number])

    assert (world.welcome_calls(), world.contact()) == (welcomes, contact)
    [row] = world.query("SELECT * FROM ops.audit_log WHERE action = 'console:send_again'")
    assert (row["actor"], row["inbox_ids"]) == ("user:operator", [number])
