"""The tab on a run, and one event with what the vendor sent."""

from urllib.parse import quote

from tests.jobs.console.conftest import plain


def test_run_says_who_was_in_it_and_what_came_of_her(console, world, unanswered):
    """By name, linked with her page; with the dead letter that it left, and the events that it took."""
    [run] = world.query("SELECT DISTINCT dag_run_id FROM ops.run_members")
    path = f"/runs/mailchimp_sync/{quote(run['dag_run_id'], safe='')}"

    page = console().text(path)
    assert "1 member: 1 is new; dead letter 1." in page
    assert "Ada Lovelace is new" in page
    assert "checkout.session.completed" in page
    assert "Lovelace" not in console("viewer").text(path)
    assert "no members" in console().text("/runs/mailchimp_sync/never").lower()


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
