"""`luma_auto_approval` against Luma on the wire and a real Postgres: who is let in, once, whatever goes wrong."""

from uuid import uuid4

import pytest
import structlog

from include.errors import MemberUnknownError
from include.jobs.luma_auto_approval.decide import PlusAddressRule
from include.lab.demo.outcomes import job_entries_of
from tests.jobs.luma_world import DECIDE, LIST, ONE, UPDATES

# --- who is let in ---


@pytest.mark.parametrize("routes", ["current", "old"])
def test_members_are_let_in_and_strangers_wait(luma, routes):
    """Over all pages of all coming events, in any case of the address, each mailed once."""
    members = luma.members(30)
    luma.seed(members, guests=120, upper=15, events=2, guests_of_past_event=3)

    result = luma.run(routes=routes)

    assert (result.processed, result.approved, result.denied, result.errors) == (120, 30, 90, [])
    assert luma.statuses()["approved"] == sorted(members)
    assert len(luma.statuses()["pending_approval"]) == 90 + 3
    assert luma.mails() == [["approved"]] * 30


def test_all_pages_are_read_before_anything_is_decided(luma):
    """A decision moves what the next page is."""
    luma.seed(luma.members(10), guests=120)

    luma.run()

    calls = luma.calls()
    assert calls[:4] == [LIST] * 4  # the events, and three pages of guests
    assert calls[4:] == [ONE, DECIDE] * 10


def test_plus_addresses_are_members_where_the_rule_says_so(luma):
    """In either direction; by default they are somebody else's."""
    plain, tagged = luma.members(2), luma.member("grace+wdai@example.org")
    luma.seed([*plain, "grace@example.org"], plus=2)

    strict = luma.run(dry_run=True)
    result = luma.run(rule=PlusAddressRule.SAME)

    assert (strict.approved, strict.denied) == (0, 3)
    assert (result.approved, result.denied) == (3, 0)
    assert tagged.email == "grace+wdai@example.org"


@pytest.mark.parametrize("rule", PlusAddressRule)
@pytest.mark.parametrize("is_asked_for", [False, True], ids=["all", "one member alone"])
def test_every_verified_address_identifies_her(luma, rule, is_asked_for):
    """She registers with her second address, by whatever rule and also in a run for her alone."""
    second = "ada.private@example.org"
    addresses = frozenset({"ada@example.org", second})
    ada = luma.member("ada@example.org", clerk_user_id="user_ada", addresses=addresses)
    luma.seed([second, "somebody@example.org"], guests=2)
    who = {"member_id": ada.id} if is_asked_for else {}

    luma.run(rule=rule, **who)

    assert luma.statuses()["approved"] == [second]


def test_membership_that_is_not_active_is_denied_with_its_reason(luma):
    """The counts tell a stranger from a member whose membership is paused or over; who owes a payment has her grace."""
    luma.member("late@example.org", "paused")
    luma.member("gone@example.org", "canceled")
    luma.seed(["late@example.org", "gone@example.org"], guests=3)

    result = luma.run()

    assert result.document()["denied_why"] == {
        "no member has this address": 1,
        "the membership is not active": 2,
    }
    assert list(luma.statuses()) == ["pending_approval"]


def test_strangers_are_declined_where_that_is_set(luma):
    """Members first: they are let in even where time is short."""
    luma.seed(luma.members(2), guests=5)

    result = luma.run(decline_others=True)

    assert (result.approved, result.denied, result.declined, result.processed) == (2, 3, 3, 5)
    assert {status: len(who) for status, who in luma.statuses().items()} == {
        "approved": 2,
        "declined": 3,
    }


def test_nobody_is_mailed_where_that_is_set(luma):
    """`OPS_LUMA_SEND_EMAIL=false`: let in without a word."""
    luma.seed(luma.members(2))

    assert luma.run(send_email=False).approved == 2
    assert luma.mails() == []


# --- by hand ---


def test_dry_run_counts_the_same_and_changes_nothing(luma):
    """No decision, no mail, no line in the audit log; then the real run does what was said."""
    luma.seed(luma.members(3), guests=8)

    dry = luma.run(dry_run=True)

    assert DECIDE not in luma.calls()
    assert (list(luma.statuses()), luma.mails(), luma.audit()) == (["pending_approval"], [], [])
    assert luma.run().document() == dry.document()


def test_one_event_alone(luma):
    """The others' guests are not even read."""
    made = luma.seed(luma.members(6), events=3)
    event = made["guests"][0]["event_id"]

    result = luma.run(event_id=event)

    here = [guest for guest in luma.guests().values() if guest["event_id"] == event]
    assert (result.events, result.approved) == (1, len(here))
    assert len(luma.mails()) == len(here) < 6
    assert luma.calls().count(LIST) == 1


def test_one_member_alone(luma):
    """Named by our id: of the others nobody is counted, let in or denied."""
    luma.seed([*luma.members(2), "ada@example.org"], guests=9)
    ada = luma.member("Ada@example.org")

    result = luma.run(member_id=ada.id)

    assert (result.found, result.approved, result.denied) == (1, 1, 0)
    assert luma.statuses()["approved"] == ["ada@example.org"]


def test_member_who_is_nobody_is_an_error(luma):
    """A slip in the form is no empty success."""
    luma.seed(luma.members(1))

    with pytest.raises(MemberUnknownError):
        luma.run(member_id=uuid4())
    assert luma.calls() == []


# --- once ---


def test_second_run_finds_nothing_to_do(luma):
    """Cleared, started twice, or the next tick: nobody is approved or mailed again."""
    luma.seed(luma.members(3), guests=5)
    luma.run()

    again = luma.run()

    assert (again.found, again.approved, again.denied) == (2, 0, 2)
    assert luma.mails() == [["approved"]] * 3


def test_host_who_is_faster_is_not_repeated(luma, sandbox):
    """Somebody lets a guest in by hand between our reading of the pages and her turn."""
    made = luma.seed(luma.members(2))
    first = made["guests"][0]
    body = {"event_id": first["event_id"], "guest_id": first["id"], "status": "approved"}
    luma.once_after("guests/list", lambda: host_decides(sandbox, body))

    result = luma.run()

    assert (result.approved, result.settled, result.processed) == (1, 1, 2)
    assert luma.mails() == [["approved"]] * 2


def host_decides(sandbox, body):
    """Let a host press the button: a call of her own."""
    import requests

    url = f"{sandbox.url}/luma/v1/events/guests/update-status"
    requests.post(url, json=body, headers={"x-luma-api-key": "host"}, timeout=5).raise_for_status()


def test_lost_answer_is_looked_after(luma, sandbox):
    """The effect is there though we never heard: counted as approved, mailed once."""
    luma.seed(luma.members(3))
    sandbox.fault("luma", "lost_answer", path=UPDATES, times=1)

    result = luma.run()

    assert sandbox.fired() == 1
    assert (result.approved, result.errors) == (3, [])
    assert luma.mails() == [["approved"]] * 3


@pytest.mark.parametrize("call", ["guests/list", "guests/get", "update-status"])
def test_run_that_dies_is_gone_on_with(luma, call):
    """The process ends right after a call, as by the time-out: whoever comes next mails nobody twice."""
    luma.seed(luma.members(4), guests=6)
    luma.once_after(call, die)

    with pytest.raises(SystemExit):
        luma.run()
    in_before = len(luma.mails())
    result = luma.run()

    assert in_before == (call == "update-status")
    assert (result.approved, result.denied) == (4 - in_before, 2)
    assert luma.mails() == [["approved"]] * 4


def die():
    """End the process, as far as the job can tell."""
    raise SystemExit


# --- what is written down ---


def test_counts_are_in_the_audit_log(luma, sandbox):
    """One line per run, by `system:luma_approval`, with the counts and the errors by id."""
    luma.seed(luma.members(3), guests=5)
    sandbox.fault("luma", "status", path=UPDATES, status=400, body={}, times=1)

    result = luma.run()

    [row] = luma.audit()
    assert (row["actor"], row["action"]) == ("system:luma_approval", "job:completed")
    assert (row["target"], row["dag_run_id"]) == ("job:luma_auto_approval", "run_1")
    counts = {name: row["metadata"][name] for name in ("processed", "approved", "denied")}
    assert counts == {"processed": 5, "approved": 2, "denied": 2}
    assert row["metadata"]["errors"] == result.errors
    [entry] = job_entries_of(luma.store.connection, "run_1")  # as the demo reads it
    assert (entry.action, entry.metadata) == (row["action"], row["metadata"])


def test_no_address_is_written_down_anywhere(luma, sandbox):
    """Not in the log, not in the audit log, not in the result; errors among them."""
    luma.seed(luma.members(6), guests=12, upper=3)
    sandbox.fault("luma", "status", path=UPDATES, times=2)

    with structlog.testing.capture_logs() as logs:
        result = luma.run()

    assert sandbox.fired() == 2
    assert {entry["event"] for entry in logs} == {
        "luma_approval.decided",
        "luma_approval.failed",
        "luma_approval.completed",
    }
    assert "@" not in f"{logs}{luma.audit()}{result}{result.summary}"


@pytest.mark.parametrize("routes", ["current", "old"])
def test_who_has_to_pay_is_left_to_a_person(luma, routes):
    """Letting her in would take her money: she is counted, and nothing is called."""
    luma.seed([luma.member("ada@example.org").email], amount=2500)

    result = luma.run(routes=routes)

    assert (result.paid, result.approved, result.is_failure) == (1, 0, False)
    assert result.document()["for_a_person"] == 1
    assert luma.statuses() == {"pending_approval": ["ada@example.org"]}


def test_who_has_to_pay_is_let_in_where_that_is_set(luma):
    """`OPS_LUMA_PAID_GUESTS=approve`: approving takes the money, as the owner wishes."""
    luma.seed([luma.member("ada@example.org").email], amount=2500)

    result = luma.run(takes_money=True)

    assert (result.paid, result.approved) == (0, 1)
    assert luma.statuses() == {"approved": ["ada@example.org"]}


@pytest.mark.parametrize(("hours", "is_read"), [(1, True), (3, False)])
def test_event_under_way_is_still_read(luma, hours, is_read):
    """It lasts two hours: who comes late is let in, and afterwards nobody is."""
    luma.seed([luma.member("ada@example.org").email], begun_hours_ago=hours)

    assert luma.run().approved == int(is_read)
