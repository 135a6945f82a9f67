"""Each act of the console once as each role, with Airflow's own login and roles; and many at once, with buttons."""

import re
import secrets
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from playwright.sync_api import expect

from include.errors import ErrorClass
from include.store.breakers import BreakerState
from include.store.dead_letters import Failure, LetterState
from tests.browser.airflow_ui import WAIT_SECONDS, console, look_up, somebody

pytestmark = pytest.mark.timeout(900)
expect.set_options(timeout=WAIT_SECONDS * 1000)

SEES, DECIDES, OPERATES = "Console", "Console Members", "Console Operations"
ROLES = {
    "viewer": {SEES},
    "community": {SEES, DECIDES},
    "operator": {SEES, DECIDES, OPERATES},
    "admin": {SEES, DECIDES, OPERATES},
}
RULE = "job_queue_backup"
ALIKE = 3
SEND = """async ([path, form]) => {
  const answer = await fetch(path, {
    method: "POST", headers: {"X-Ops-Act": "1"}, body: new URLSearchParams(form),
  });
  return [answer.status, answer.headers.get("HX-Redirect") || "", await answer.text()];
}"""
"""As a page of ours sends a form, with the cookie of whoever has logged in."""


def letters(store, count):
    """Have alike dead letters wait that are nobody's, and return them: no other has their fingerprint."""
    word = "".join(secrets.choice("abcdefghij") for _ in range(12))
    failures = [
        Failure(
            job="slack_status_sync",
            subject=f"run:{word}.{number}",
            error_class=ErrorClass.PERMANENT,
            reason=f"made by a test, {word}",
        )
        for number in range(count)
    ]
    now = datetime.now(UTC)
    return [store.dead_letters.open_case(one, now=now) for one in failures]


@pytest.fixture(scope="module")
def her(stage, store):
    """Let a member join and ask to leave at the end of her period; return her address, id, planned end and an event."""
    who = somebody(stage, 11)
    stage.deliver("she joins", stage.join(who, "clerk_first").events)
    act = stage.sandbox.act("cancel_at_period_end", email=who.email)
    stage.deliver("she asks to leave", act.events)
    [row] = store.connection.execute(
        "SELECT id, member_id FROM ops.inbox WHERE event_id = %s", [act.events[0].id]
    ).fetchall()
    [end] = [one for one in store.deactivations.of_member(row["member_id"]) if one.is_open]
    return {"email": who.email, "id": row["member_id"], "end": end.id, "event": row["id"]}


def acts(her, store):
    """Yield each act with what it needs, what it sends, and what the audit log calls it ("": it says nothing)."""
    one, alike = letters(store, 1)[0], letters(store, 1)[0]
    why = {"why": "tried by a test"}
    many = {"job": alike.job, "fingerprint": alike.fingerprint, "act": "abandon", "sure": "1"}
    yield "search", SEES, {"text": her["email"]}, "console:looked_up"
    yield f"members/{her['id']}/act", DECIDES, {"act": "note:0", **why}, "console:note"
    start = {"wanted": "luma_auto_approval:look", **why}
    yield f"members/{her['id']}/start", DECIDES, start, "console:start"
    yield "waiting/findings", DECIDES, {"kind": "unknown_price", **why}, ""
    yield "waiting/act", DECIDES, {"act": f"abandon:{one.id}", **why}, "dead_letter:abandon"
    yield "waiting/all", DECIDES, {**many, **why}, ""
    yield "waiting/decisions/{decision}/step", DECIDES, {}, "dead_letter:abandon"
    yield "waiting/decisions/{decision}/undo", DECIDES, why, ""
    move = {"act": f"move:{her['end']}", "at": "2099-05-01T10:00", **why}
    yield "ends/act", DECIDES, move, "deactivation:"
    yield "vendors/clerk/try", OPERATES, {}, ""
    yield "vendors/clerk/say", OPERATES, {"act": "pause", "hours": "1", **why}, "breaker:pause"
    yield "vendors/clerk/say", OPERATES, {"act": "resume", **why}, "breaker:resume"
    yield (
        "alerts/act",
        OPERATES,
        {"rule": RULE, "act": "silence", "hours": "1", **why},
        "alert:silence",
    )
    yield "alerts/act", OPERATES, {"rule": RULE, "act": "end", **why}, "alert:end"
    yield f"events/{her['event']}/again", OPERATES, why, "console:send_again"


def audited(store, actor, after):
    """Return what the audit log has of somebody since then."""
    return store.connection.execute(
        "SELECT action, metadata FROM ops.audit_log WHERE actor = %s AND id > %s ORDER BY id",
        [actor, after],
    ).fetchall()


@pytest.mark.parametrize("who", ROLES)
def test_each_act_once_as_each_role(stack, store, her, tmp_path, who):
    """Airflow's role says who may what; who may not is refused, and both are in the audit log by her name."""
    [newest] = store.connection.execute(
        "SELECT coalesce(max(id), 0) AS id FROM ops.audit_log"
    ).fetchall()
    refused, said, decision = [], [], "1"
    with console(stack, tmp_path, who) as page:
        for path, right, form, action in acts(her, store):
            there = path.format(decision=decision)
            code, to, text = page.evaluate(SEND, [urljoin(stack.console_url, there), form])
            if right in ROLES[who]:
                assert code in (200, 204), (there, code, text)
                said += [action] if action else []
            else:
                assert code == 403, (there, code, text)
                refused.append(f"/{there}")
            if found := re.search(r"/waiting/decisions/(\d+)", to):
                decision = found[1]

    rows = audited(store, f"user:{who}", newest["id"])
    assert [
        row["metadata"]["what"] for row in rows if row["action"] == "console:refused"
    ] == refused
    done = [row["action"] for row in rows if row["action"] != "console:refused"]
    missing = [one for one in said if not any(action.startswith(one) for action in done)]
    assert missing == [], done
    assert (
        store.breakers.get("clerk") is None
        or store.breakers.get("clerk").state is BreakerState.CLOSED
    )


def test_job_is_started_by_her_address_and_says_what_came_of_it(stack, stage, her, tmp_path):
    """The console takes the address and finds her; Airflow, which everybody reads, gets our id of her alone."""
    with console(stack, tmp_path, "community") as page:
        look_up(page, her["email"])
        page.get_by_text("Start a job for her").click()
        page.get_by_label("Why it is started").fill("she waits for an event")
        page.get_by_role("button", name="Only look: luma auto approval").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Run of luma auto approval")
        expect(page.locator(".lead")).to_contain_text(
            "Only looked.", timeout=2 * WAIT_SECONDS * 1000
        )
        run = unquote(urlsplit(page.url).path.rpartition("/")[2])

    found = stage.airflow.ask("GET", f"/dags/luma_auto_approval/dagRuns/{quote(run)}").json()
    assert found["conf"] == {"member_id": str(her["id"]), "dry_run": True}
    assert found["triggering_user_name"] == "community"


def test_many_are_decided_and_taken_back_on_a_phone(stack, store, tmp_path):
    """Alike ones together: first their count, then the yes, their progress, and all of it undone."""
    made = letters(store, ALIKE)
    word = made[0].reason.rpartition(" ")[2]

    def states():
        return {store.dead_letters.get(one.id).state for one in made}

    with console(stack, tmp_path, "community") as page:
        page.get_by_role("link", name="Needs a person").click()
        row = page.get_by_role("row").filter(has_text=word)
        row.get_by_label("Why").fill("Slack was renamed")
        row.get_by_role("button", name="Let them be").click()
        expect(
            page.get_by_role("heading", name=f"Let them be: {ALIKE} dead letters?")
        ).to_be_focused()
        assert states() == {LetterState.OPEN}
        page.get_by_role("button", name=f"Yes, all {ALIKE}").click()
        expect(page.get_by_role("heading", name=f"Done: {ALIKE} changed")).to_be_visible()
        assert states() == {LetterState.ABANDONED}

        page.get_by_label("Why, for the audit log").fill("it was not")
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_role("heading", name="Take it back")).to_be_visible()
        expect(page.get_by_role("heading", name=f"Done: {ALIKE} changed")).to_be_visible()
    assert states() == {LetterState.OPEN}
