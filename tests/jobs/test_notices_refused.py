"""Notices that Slack does not take, or takes later."""

import pytest

from include.notify.outbox import send_due
from tests.factories import NOW
from tests.jobs.notice_world import JOB, LINKS, MINUTE


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429, "body": {"ok": False, "error": "ratelimited"}},
        {"kind": "status", "status": 200, "body": {"ok": False, "error": "channel_not_found"}},
        {"kind": "reset"},
    ],
)
def test_slack_outage_fails_nothing_and_the_message_is_sent_later(desk, fault):
    """The outbox keeps it; each try that fails waits longer, and the first that gets through tells it once."""
    desk.fail()
    desk.sandbox.fault("slack", times=2, **fault)

    first = desk.send()
    at_once = desk.send()
    desk.clock.advance(MINUTE)
    second = desk.send()
    desk.clock.advance(3 * MINUTE)
    third = desk.send()

    assert [first.messages, at_once.messages, second.messages, third.messages] == [0, 0, 0, 1]
    assert "Slack" in first.problem
    assert at_once.problem is None  # it is not yet time
    assert len(desk.texts()) == 1
    assert desk.store.notices.waiting() == []
    assert desk.sandbox.fired() == 2


def test_gone_thread_holds_up_nobody(desk):
    """The message was deleted, or fell to the channel's retention: what it would answer is told anew."""
    desk.fail("run_1")
    desk.send()
    desk.store.connection.execute("UPDATE ops.notices SET thread_ts = '1.000001'")
    desk.clock.advance(MINUTE)
    desk.succeed()
    desk.clock.advance(MINUTE)
    desk.fail("run_2", task="another")

    sent = desk.send()

    assert (sent.messages, sent.problem) == (2, None)
    recovery, failure = desk.texts()[1:]
    assert recovery[0].startswith(f":large_green_circle: *{JOB}* works again")
    assert (recovery[1], failure[1]) == (False, False)
    assert desk.store.notices.waiting() == []


def refusal(code):
    """Return Slack's refusal."""
    return {"kind": "status", "status": 200, "body": {"ok": False, "error": code}}


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_too_long", "no_text", "some_new_code"])
def test_message_that_slack_refuses_is_given_up_and_shown(desk, code):
    """No other text comes of it: it is not tried for ever, the others are sent, and people see that it is missing."""
    desk.fail("run_1")
    desk.fail("run_2", task="another")
    desk.sandbox.fault("slack", times=1, **refusal(code))

    sent = desk.send()
    desk.clock.advance(MINUTE)

    assert (sent.messages, desk.send().messages) == (1, 0)
    [untold] = desk.store.notices.untold(given_up_since=NOW)
    assert code in untold.problem
    assert desk.succeed() == 2
    assert desk.send().messages == 1  # nobody hears the end of what she was not told of
    assert desk.store.notices.waiting() == []


def test_failure_after_one_that_was_given_up_is_told(desk):
    """What Slack did not take was that message; the next one says something else."""
    desk.fail("run_1")
    desk.sandbox.fault("slack", times=1, **refusal("invalid_blocks"))
    desk.send()
    desk.clock.advance(15 * MINUTE)

    desk.fail("run_2")

    assert desk.send().messages == 1
    assert "2 times since" in desk.texts()[0][0]
    assert desk.store.notices.untold(given_up_since=NOW) == []


def test_failure_after_one_that_was_given_up_may_be_over_before_it_is_told(desk):
    """Within the quiet time: nobody was told of either, so nobody is told of the end, and nothing waits for ever."""
    desk.fail("run_1")
    desk.sandbox.fault("slack", times=1, **refusal("invalid_blocks"))
    desk.send()
    desk.clock.advance(MINUTE)
    desk.fail("run_2")
    desk.clock.advance(MINUTE)

    assert desk.succeed() == 1

    assert desk.store.notices.waiting() == []
    assert desk.send().messages == 0


@pytest.mark.parametrize("code", ["channel_not_found", "is_archived", "not_in_channel"])
def test_channel_that_takes_nothing_holds_up_no_other(desk, code):
    """Questions go to the staff's channel, failures to another one; the refused one is tried again."""
    desk.fail("run_1")
    desk.fail("run_2", task="another")
    desk.sandbox.fault("slack", times=1, **refusal(code))

    assert desk.send().messages == 1
    assert [one.problem for one in desk.store.notices.untold(given_up_since=NOW)] != [None]
    desk.clock.advance(MINUTE)
    assert desk.send().messages == 1
    assert desk.store.notices.untold(given_up_since=NOW) == []


@pytest.mark.parametrize("code", ["token_revoked", "missing_scope", "ratelimited", "fatal_error"])
def test_slack_that_takes_nothing_is_asked_once(desk, code):
    """What is about us, or about Slack itself, is true of the other messages too: they wait with it."""
    for number in range(3):
        desk.fail(f"run_{number}", task=f"task_{'abc'[number]}")
    desk.sandbox.fault("slack", **refusal(code))

    desk.send()

    assert desk.sandbox.fired() == 1
    assert len(desk.store.notices.waiting()) == 3


def test_message_that_looks_like_an_outage_each_time_holds_up_nobody_for_long(desk):
    """Whatever it is about it: those that were not tried come before it at the next try."""
    desk.fail("run_1")
    desk.clock.advance(MINUTE)
    desk.fail("run_2", task="another")
    desk.sandbox.fault("slack", "status", status=500, times=1)
    assert desk.send().messages == 0
    desk.clock.advance(MINUTE)

    desk.send()

    assert ["/runs/run_2|run>" in text for text, _ in desk.texts()][:1] == [True]


def test_recovery_during_the_outage_is_told_after_the_failure(desk):
    """Nobody reads that something works again of which she never heard."""
    desk.fail()
    desk.sandbox.fault("slack", "status", status=503, times=1)
    desk.send()
    desk.clock.advance(5 * MINUTE)
    desk.succeed()

    sent = desk.send()

    assert sent.messages == 2
    assert [is_reply for _, is_reply in desk.texts()] == [False, True]


def test_second_that_slack_wants_between_messages_is_waited_on_the_spot(desk):
    """Ten different failures at once are ten messages, a second apart."""
    for number in range(3):
        desk.fail(f"run_{number}", task=f"task_{'abc'[number]}")
    sent, waited = desk.send_within_limits()

    assert (sent.messages, sent.problem) == (3, None)
    assert waited == [1.0, 1.0]


def test_second_is_waited_for_a_gone_thread_too(desk):
    """The call that was refused counts: at once without the thread would be too soon, each minute anew."""
    desk.fail()
    desk.send()
    desk.store.connection.execute("UPDATE ops.notices SET thread_ts = '1.000001'")
    desk.clock.advance(MINUTE)
    desk.succeed()

    sent, waited = desk.send_within_limits()

    assert (sent.messages, sent.problem) == (1, None)
    assert waited == [1.0]


def test_two_senders_send_one_message(desk):
    """The callback and reconciliation at the same moment: what one has taken, the other does not."""
    desk.fail()
    taken = desk.store.notices.take_due(
        now=NOW, quiet_since=NOW - 15 * MINUTE, leased_until=NOW + MINUTE, limit=10
    )

    with desk.world.another() as other:
        sent = send_due(store=other.store, slack=desk.slack, links=LINKS, clock=desk.clock)

    assert (len(taken), sent.messages) == (1, 0)
    desk.clock.advance(MINUTE)
    assert desk.send().messages == 1
