"""Who may what, what another site may send, and that hostile words stay words."""

import gzip
import re
from hashlib import sha256
from pathlib import Path

import pytest

from include.console.access import Right
from include.console.app import STATIC
from tests.jobs.console.conftest import OURS, ROLES, plain

NOBODY = "00000000-0000-0000-0000-000000000000"
MAX_BYTES = 60 * 1024
OURS_ALONE = {"card.js", "console.css", "console.js"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def routes(console):
    """Return every route of the application, with a path that can be asked for."""
    app = console().app
    for route in app.routes:
        if hasattr(route, "methods"):
            path = re.sub(r"\{member_id\}", NOBODY, route.path)
            yield from ((method, re.sub(r"\{\w+(:path)?\}", "1", path)) for method in route.methods)


def test_every_route_asks_who_it_is(console):
    """Nobody gets in without a login, and a login without the permission does not help; static files are no secret."""
    found = list(routes(console))
    assert len(found) > 3

    for method, path in found:
        nobody = console(None).request(method, path, headers=OURS)
        stranger = console("stranger").request(method, path, headers=OURS)
        wanted = 303 if method == "GET" else 401
        assert (nobody.status_code, stranger.status_code) == (wanted, 403), (method, path)
    assert console(None).get("/").headers["Location"] == "/auth/login/?next=here"


ACTS = {
    "/search": Right.SEE,
    "/members/{member_id}/act": Right.DECIDE,
    "/members/{member_id}/start": Right.DECIDE,
    "/waiting/act": Right.DECIDE,
    "/waiting/findings": Right.DECIDE,
    "/waiting/all": Right.DECIDE,
    "/waiting/decisions/{number}/step": Right.DECIDE,
    "/waiting/decisions/{number}/undo": Right.DECIDE,
    "/ends/act": Right.DECIDE,
    "/vendors/{vendor}/try": Right.OPERATE,
    "/vendors/{vendor}/say": Right.OPERATE,
    "/alerts/act": Right.OPERATE,
    "/events/{number}/again": Right.OPERATE,
}


def test_each_act_is_refused_to_each_role_that_may_not(console, world):
    """Whatever the form holds, before anything is read; and that somebody tried is kept."""
    paths = {
        route.path for route in console().app.routes if "POST" in getattr(route, "methods", ())
    }
    assert paths == ACTS.keys()

    refused = []
    for path, right in ACTS.items():
        for who, rights in ROLES.items():
            answer = console(who).post(
                re.sub(r"\{member_id\}", NOBODY, re.sub(r"\{(?!member)\w+\}", "1", path)),
                headers=OURS,
            )
            assert (answer.status_code == 403) == (right not in rights), (path, who)
            refused += [f"user:{who}"] if right not in rights else []

    rows = world.query(
        "SELECT actor FROM ops.audit_log WHERE action = 'console:refused' ORDER BY id"
    )
    assert [row["actor"] for row in rows] == refused


def test_htmx_is_led_to_the_login(console):
    """A session that is over leads the whole page there, and puts no login into a part of it."""
    answer = console(None).post("/search", headers={**OURS, "HX-Request": "true"})

    assert answer.headers["HX-Redirect"] == "/auth/login/?next=here"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://testserver"},
        {"X-Ops-Act": "1"},
        {"X-Ops-Act": "1", "Origin": "http://evil.example.org"},
        {"X-Ops-Act": "1", "Origin": "null"},
        {**OURS, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_site_sends_is_turned_away(console, world, unanswered, headers):
    """Whatever the cookie says: without our header, or from another origin, nothing is done."""
    form = {"act": "compensate:1", "why": "forged"}

    answer = console("operator").post(f"/members/{unanswered}/act", data=form, headers=headers)

    assert answer.status_code == 403
    assert world.store.dead_letters.get(1).state == "open"


def test_viewer_sees_no_address_and_decides_nothing(console, world, unanswered):
    """Her page has neither name nor address nor button; an act by hand is refused, and that she tried is kept."""
    page = console("viewer").get(f"/members/{unanswered}").text
    assert "Nobody knows" in page
    for hidden in ("ada@example.org", "Ada", "Lovelace", "<button name"):
        assert hidden not in page

    answer = console("viewer").submit(f"/members/{unanswered}/act", act="compensate:1", why="x")

    assert answer.status_code == 403
    assert "You may not do this" in plain(answer.text)
    [row] = world.query("SELECT * FROM ops.audit_log WHERE action = 'console:refused'")
    assert (row["actor"], row["metadata"]["needs"]) == ("user:viewer", "Console Members")
    assert world.store.dead_letters.get(1).state == "open"


@pytest.mark.parametrize("who", [one for one in ROLES if one != "stranger"])
def test_pages_say_what_a_browser_may_do(console, who):
    """Scripts and styles of our own alone, in a frame of our own alone; no page is kept."""
    answer = console(who).get("/")

    assert "default-src 'none'; script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_hostile_words_are_shown_as_words(console, world, unanswered):
    """A name, a reason and a search are texts, whatever is in them."""
    world.store.connection.execute("UPDATE public.users SET first_name = %s", [HOSTILE])
    world.store.connection.execute(
        "UPDATE ops.dead_letters SET reason = %s, subject = 'x'", [HOSTILE]
    )

    pages = [
        console().get(f"/members/{unanswered}").text,
        console().submit("/search", text=f"no {HOSTILE}").text,
        console()
        .submit(f"/members/{unanswered}/act", act="note:0", why=f"{HOSTILE} a@b.example")
        .text,
    ]

    for page in pages:
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img" not in page


def test_pages_are_light_and_come_from_here():
    """At most 60 KiB of script and style, as they are sent; others' are pinned; no template names a host."""
    files = [one for one in STATIC.iterdir() if one.suffix in (".js", ".css")]
    assert sum(len(gzip.compress(one.read_bytes())) for one in files) < MAX_BYTES
    pinned = dict(re.findall(r"\| `([^`]*)` .* `(\w{64})` \|", (STATIC / "README.md").read_text()))
    found = {one.name: sha256(one.read_bytes()).hexdigest() for one in files}
    assert pinned == {name: found[name] for name in found.keys() - OURS_ALONE}

    for template in (STATIC.parent / "templates").iterdir():
        assert not re.search(r"(?:src|href|action)=.(?:https?:)?//", template.read_text()), template
        assert not re.search(r"\son\w+=|style=|<script(?! src=)", template.read_text()), template
    assert "url(http" not in Path(STATIC / "console.css").read_text()
