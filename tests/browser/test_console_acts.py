"""Each act of the console once as each role, with Airflow's own login and roles; and many at once, with buttons."""

import re
import secrets
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from playwright.sync_api import expect

from include.errors import ErrorClass
from include.store.breakers import BreakerState
from include.store.dead_letters import DeadLetterState, Failure
from include.store.findings import Finding, FindingKind
from tests.browser.airflow_ui import WAIT_SECONDS, console, look_over, look_up, somebody

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
KIND = FindingKind.UNKNOWN_PRICE
ALIKE = 3
SEND = """async ([path, form]) => {
  const answer = await fetch(path, {
    method: "POST", headers: {"X-Ops-Act": "1"}, body: new URLSearchParams(form),
  });
  return [answer.status, answer.headers.get("HX-Redirect") || "", await answer.text()];
}"""
"""As a page of ours sends a form, with the cookie of whoever has logged in."""


def finding(store, member_id=None):
    """Have something be found that only a person decides about, and return its number."""
    found = Finding(
        kind=KIND, subject=f"test:{secrets.token_hex(6)}", words="a test", member_id=member_id
    )
    store.findings.keep(found, now=datetime.now(UTC))
    [one] = [one for one in store.findings.read() if one.subject == found.subject]
    return one.id


def finding_count(store):
    """Have one more finding of the kind, and return how many there are."""
    finding(store)
    return str(store.findings.counts()[KIND])


def letters(store, count, **whose):
    """Have alike dead letters wait, nobody's unless said, and return them: no other has their fingerprint."""
    word = "".join(secrets.choice("abcdefghij") for _ in range(12))
    failures = [
        Failure(
            job="slack_status_sync",
            subject=f"run:{word}.{number}",
            error_class=ErrorClass.PERMANENT,
            reason=f"made by a test, {word}",
            **whose,
        )
        for number in range(count)
    ]
    now = datetime.now(UTC)
    return [store.dead_letters.open_case(one, now=now) for one in failures]


def leaver(stage, store, number):
    """Let a member join and ask to leave at the end of her period; return her address, id and an event."""
    who = somebody(stage, number)
    stage.deliver("she joins", stage.join(who, "clerk_first").events)
    act = stage.sandbox.act("cancel_at_period_end", email=who.email)
    stage.deliver("she asks to leave", act.events)
    [row] = store.connection.execute(
        "SELECT id, member_id FROM ops.inbox WHERE event_id = %s", [act.events[0].id]
    ).fetchall()
    return {"email": who.email, "id": row["member_id"], "event": row["id"]}


@pytest.fixture(scope="module")
def her(stage, store):
    """Give somebody who is to leave."""
    return leaver(stage, store, 11)


def acts(her, store):
    """Yield each act with what it needs, what it sends, and what the audit log calls it ("": it says nothing)."""
    why = {"why": "tried by a test"}
    member, of_her = f"members/{her['id']}/act", {"member_id": her["id"]}

    def letter(**whose):
        return letters(store, 1, **whose)[0]

    def end():
        return store.deactivations.of_member(her["id"])[-1].id

    yield "search", SEES, {"text": her["email"]}, "console:looked_up"
    yield member, DECIDES, {"act": "note:0", **why}, "console:note"
    yield member, DECIDES, {"act": "in_line:0", **why}, "console:in_line"
    yield member, DECIDES, {"act": f"abandon:{letter(**of_her).id}", **why}, "dead_letter:abandon"
    yield (
        member,
        DECIDES,
        {"act": f"close_finding:{finding(store, **of_her)}", **why},
        "finding:close",
    )
    start = {"wanted": "luma_auto_approval:look", **why}
    yield f"members/{her['id']}/start", DECIDES, start, "console:start"
    findings = {"kind": KIND.value, **why}
    yield "waiting/act", DECIDES, {"act": f"close_finding:{finding(store)}", **why}, "finding:close"
    yield "waiting/findings", DECIDES, {**findings, "sure": finding_count(store)}, "finding:close"
    yield "waiting/act", DECIDES, {"act": f"abandon:{letter().id}", **why}, "dead_letter:abandon"
    alike = letter()
    many = {"job": alike.job, "fingerprint": alike.fingerprint, "act": "abandon", "sure": "1"}
    yield "waiting/all", DECIDES, {**many, **why}, ""
    yield "waiting/decisions/{decision}/step", DECIDES, {}, "dead_letter:abandon"
    yield "waiting/decisions/{decision}/undo", DECIDES, why, ""
    yield "ends/act", DECIDES, {"act": f"revoke:{end()}", **why}, "deactivation:revoke"
    yield "ends/act", DECIDES, {"act": f"undo:{end()}", **why}, "deactivation:plan"
    move = {"act": f"move:{end()}", "at": "2099-05-01T10:00", **why}
    yield "ends/act", DECIDES, move, "deactivation:move"
    now = f"run_now:{end()}"
    yield "ends/act", DECIDES, {"act": now, "sure": now, **why}, "deactivation:move"
    yield "vendors/clerk/try", OPERATES, {}, ""
    yield "vendors/clerk/say", OPERATES, {"act": "pause", "hours": "1", **why}, "breaker:pause"
    inhibit = {"rule": RULE, "act": "inhibit", "vendor": "clerk", **why}
    yield "alerts/act", OPERATES, inhibit, "alert:inhibit"
    yield "vendors/clerk/say", OPERATES, {"act": "resume", **why}, "breaker:resume"
    silence = {"rule": RULE, "act": "silence", "hours": "1", **why}
    yield "alerts/act", OPERATES, silence, "alert:silence"
    yield "alerts/act", OPERATES, {"rule": RULE, "act": "end", **why}, "alert:end"
    yield (
        "alerts/act",
        OPERATES,
        {"rule": RULE, "act": "acknowledge", **why},
        "",
    )  # it does not fire
    yield f"events/{her['event']}/again", OPERATES, why, "console:send_again"


def audited(store, actor, after):
    """Return what the audit log has of somebody since then."""
    return store.connection.execute(
        "SELECT action, metadata FROM ops.audit_log WHERE actor = %s AND id > %s ORDER BY id",
        [actor, after],
    ).fetchall()


@pytest.mark.parametrize("who", ROLES)
def test_each_act_once_as_each_role(stack, stage, store, tmp_path, who):
    """Airflow's role says who may what; who may not is refused, and both are in the audit log by her name."""
    her = leaver(stage, store, 20 + [*ROLES].index(who))
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
    assert Counter(said) - Counter(done) == Counter(), done
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
        assert states() == {DeadLetterState.OPEN}
        page.get_by_role("button", name=f"Yes, all {ALIKE}").click()
        expect(page.get_by_role("heading", name=f"Done: {ALIKE} changed")).to_be_visible()
        assert states() == {DeadLetterState.ABANDONED}

        page.get_by_label("Why, for the audit log").fill("it was not")
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_role("heading", name="Take it back")).to_be_visible()
        expect(page.get_by_role("heading", name=f"Done: {ALIKE} changed")).to_be_visible()
    assert states() == {DeadLetterState.OPEN}


def test_findings_of_a_kind_are_closed_together_on_a_phone(stack, store, tmp_path):
    """First their count, then the yes; a finding of another kind stays."""
    for _ in range(ALIKE):
        finding(store)
    other = Finding(kind=FindingKind.DISPUTE, subject=f"test:{secrets.token_hex(6)}", words="kept")
    store.findings.keep(other, now=datetime.now(UTC))
    count = store.findings.counts()[KIND]

    with console(stack, tmp_path, "community") as page:
        page.get_by_role("link", name="Needs a person").click()
        page.get_by_text(f"About all {count}: unknown price").click()
        form = page.get_by_role("group").filter(has_text="unknown price")
        form.get_by_label("Why").fill("gift cards")
        form.get_by_role("button", name="Seen: they may stay so").click()
        question = f"Unknown price: they may stay so: {count} findings?"
        expect(page.get_by_role("heading", name=question)).to_be_focused()
        assert store.findings.counts()[KIND] == count
        page.get_by_role("button", name=f"Yes, all {count}").click()
        expect(page.get_by_role("status")).to_have_text(re.compile(f"Closed: {count}\\."))
        expect(page.get_by_text("unknown price")).to_have_count(0)

    assert KIND not in store.findings.counts()
    assert other.subject in {one.subject for one in store.findings.read()}
    rows = store.connection.execute(
        "SELECT FROM ops.audit_log WHERE actor = 'user:community' AND metadata ->> 'why' = 'gift cards'"
    )
    assert len(rows.fetchall()) == count


def test_what_pages_ask_and_refuse_is_for_everybody(stack, store, her, tmp_path):
    """What only a press brings up: axe finds nothing serious in it, in light and dark, in three widths."""
    word = letters(store, ALIKE)[0].reason.rpartition(" ")[2]
    with console(stack, tmp_path, "community") as page:
        look_up(page, "nobody at all")
        expect(page.get_by_role("main")).to_contain_text("Nothing is known")
        found = look_over(page, "nothing found")

        page.keyboard.type(her["email"])  # in place of what found nothing
        page.keyboard.press("Enter")
        why = page.get_by_label("Why, for the audit log")
        why.fill("she is ada@example.org")
        page.get_by_role("button", name="Only keep the note").click()
        expect(page.get_by_role("status")).to_contain_text("must not hold an e-mail address")
        expect(why).to_have_value("she is ada@example.org")
        found += look_over(page, "refused")

        why.fill("tried by a test")
        page.get_by_role("button", name="End now").click()
        expect(page.get_by_role("heading", name="End now?")).to_be_focused()
        found += look_over(page, "asked about one")

        page.get_by_role("link", name="Needs a person").click()
        row = page.get_by_role("row").filter(has_text=word)
        row.get_by_label("Why").fill("tried by a test")
        row.get_by_role("button", name="Let them be").click()
        expect(page.get_by_role("heading", name=f"Let them be: {ALIKE}")).to_be_focused()
        found += look_over(page, "asked about many")
    assert found == []
