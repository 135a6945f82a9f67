"""Failed runs are told to Slack: once per kind of failure, later where Slack is down, and when it is over."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from include.clients.slack import Slack
from include.clock import FixedClock
from include.failures.dead_letters import DeadLetterService as Desks
from include.notify.notices import FailureCause, Success, close_recovered, note_failure
from include.notify.outbox import send_due
from include.notify.texts import Links
from include.person import Person
from include.store.dead_letters import DeadLetterAction, Failure, Filter
from include.store.inbox import InboxState
from include.store.notices import FailedRun
from include.store.run_members import MemberOutcome, MemberResult
from tests.contract.conftest import slack_client_of
from tests.factories import NOW

JOB, RUN = "mailchimp_sync", "stripe.test.evt_1"
LINKS = Links(
    airflow_url="https://airflow.example",
    runbook_url="https://code.example/runbooks/",
    command="docker compose run --rm ops",
)
MINUTE = timedelta(minutes=1)


class Desk:
    """A failing job, the people's Slack, and a clock that the test moves."""

    def __init__(self, world):
        self.world, self.store, self.sandbox = world, world.store, world.sandbox
        self.clock = FixedClock(NOW)
        self.slack = Slack(
            slack_client_of(world.sandbox), ops_channel="C0OPSALERTS", staff_channel="C0STAFF0001"
        )
        self.sandbox.ask("PATCH", "settings", json={"slack_limits": False})

    def fail(self, run=RUN, *, task="record", why="task_failure", at=None, kind=""):
        """Let a run fail, and note it; returns whether that was news."""
        failed = FailedRun(job=JOB, dag_run_id=run, failed_at=at or self.clock.now(), kind=kind)
        cause = FailureCause(why=why, task=task, try_number=2)
        return note_failure(failed, cause, store=self.store, clock=self.clock)

    def send(self, **options):
        """Send what is due."""
        usual = {"store": self.store, "slack": self.slack, "links": LINKS, "clock": self.clock}
        return send_due(**usual, **options)

    def send_within_limits(self):
        """Send what is due to a Slack that takes one call a second; return what was sent, and the pauses."""
        self.sandbox.ask("PATCH", "settings", json={"slack_limits": True})
        waited = []

        def pause(seconds):
            waited.append(seconds)
            self.sandbox.ask("POST", "clock", json={"advance_seconds": seconds})

        return self.send(pause=pause), waited

    def succeed(self, run="a_later_run", *, kind=""):
        """Let a run of the job end well, and close what is over by that."""
        success = Success(dag_run_id=run, ended_at=self.clock.now())
        return close_recovered({(JOB, kind): success}, store=self.store, clock=self.clock)

    def texts(self):
        """Return the messages in the channel, oldest first, each with whether it is a reply."""
        messages = self.sandbox.ask("GET", "state/slack")["messages"]
        return [(message["text"], message.get("thread_ts") is not None) for message in messages]


@pytest.fixture
def desk(world):
    """Give a desk with an empty channel."""
    return Desk(world)


def test_failed_run_is_one_message_with_all_that_is_needed(desk):
    """Who reads it knows what failed, how much of it, and where to look; nothing names a member."""
    [row] = desk.world.receive(desk.world.join()[0])
    desk.store.dispatches.adopt(RUN, job=JOB, inbox_ids=[row], now=NOW)
    member_id = uuid4()
    desk.store.run_members.open(RUN, {member_id: None})
    reason = "Mailchimp: ada@example.org is in <compliance> & stays"
    failed = MemberResult(member_id=member_id, outcome=MemberOutcome.FAILED, reason=reason)
    desk.store.run_members.settle(RUN, [failed])
    desk.store.inbox.finish([row], state=InboxState.FAILED, reason=reason, now=NOW)

    desk.fail()
    sent = desk.send()

    assert (sent.messages, sent.problem) == (1, None)
    [(text, is_reply)] = desk.texts()
    assert not is_reply
    assert text.splitlines()[0] == (
        ":red_circle: *mailchimp_sync* failed: Mailchimp: (an address) is in &lt;compliance&gt; &amp; stays"
    )
    assert "Affected: 1 member, 1 row." in text
    assert set(re.findall(r"<([^|>]*)\|([^>]*)>", text)) == {
        (f"https://airflow.example/dags/{JOB}/runs/{RUN}", "run"),
        (
            f"https://airflow.example/dags/{JOB}/runs/{RUN}/tasks/record?try_number=2",
            "log of record",
        ),
        ("https://code.example/runbooks/mailchimp_sync.md", "runbook"),
    }
    assert f"`docker compose run --rm ops dead-letters list --run {RUN}`" in text
    assert "@example" not in text


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ({"task": "record"}, "the task `record` failed; its log says why"),
        ({"why": "timed_out", "task": None}, "the run took longer than it may"),
        ({"why": "all_tasks_deadlocked"}, "its tasks wait for each other"),
        ({"why": None, "task": None}, "the run failed"),
    ],
)
def test_failure_without_a_reason_of_ours_is_still_said_in_words(desk, cause, said):
    """Airflow's callbacks know little, and sometimes nothing: the message is sent all the same."""
    desk.fail(**cause)
    desk.send()

    [(text, _)] = desk.texts()
    assert text.startswith(f":red_circle: *{JOB}* failed: {said}\n")


def test_same_failure_is_noted_once(desk):
    """The callback and reconciliation both find the run: one notice, one message, counted once."""
    assert desk.fail() is True
    assert desk.fail() is False
    desk.send()
    desk.send()

    assert len(desk.texts()) == 1
    assert desk.store.notices.of_run(JOB, RUN).posted_at == NOW
    assert desk.store.notices.of_run(JOB, "another") is None


def test_run_that_was_cleared_and_fails_again_is_counted_again(desk):
    """A person has cleared it: the second failure of the same run is another one."""
    desk.fail()
    desk.clock.advance(MINUTE)

    assert desk.fail() is True
    [found] = desk.store.notices.read_open()
    assert found.notice.count == 2


def test_same_failure_is_told_once_in_fifteen_minutes_but_counted(desk):
    """A job that fails every minute must not fill the channel; how often it failed is told later."""
    for minute in range(16):
        desk.fail(f"run_{minute}")
        desk.send()
        assert len(desk.texts()) == (1 if minute < 15 else 2)
        desk.clock.advance(MINUTE)

    second, _ = desk.texts()[1]
    assert "16 times since 20" in second
    assert "/runs/run_15|run>" in second


def test_another_failure_of_the_job_is_told_at_once(desk):
    """What differs is another message: a time-out is not the failure of a task."""
    desk.fail("run_1")
    desk.fail("run_2", why="timed_out", task=None)
    desk.send()

    assert len(desk.texts()) == 2


def test_recovery_is_told_in_the_thread(desk):
    """The next run that ends well closes it; a failure after that begins a new thread."""
    desk.fail()
    desk.send()
    desk.clock.advance(MINUTE)

    assert desk.succeed() == 1
    desk.send()
    assert desk.succeed() == 0
    desk.send()

    (_, first_is_reply), (recovery, is_reply) = desk.texts()
    assert (first_is_reply, is_reply) == (False, True)
    assert recovery.startswith(f":large_green_circle: *{JOB}* works again: <https://")
    desk.clock.advance(20 * MINUTE)
    desk.fail("run_later")
    desk.send()
    text, is_reply = desk.texts()[2]
    assert (is_reply, "times since" in text) == (False, False)


def test_success_ends_the_failure_of_its_own_kind_of_run(desk):
    """A dry run, or one that a person starts for one event, says nothing about what the schedule does."""
    desk.fail(kind="scheduled")
    desk.clock.advance(MINUTE)

    assert desk.succeed(kind="manual 1a2b3c4d") == 0
    assert desk.succeed(kind="scheduled") == 1


def test_success_before_the_failure_is_no_recovery(desk):
    """Only a run that ended after the failure says that it is over."""
    success = Success(dag_run_id="earlier", ended_at=NOW - MINUTE)
    desk.fail()

    assert close_recovered({(JOB, ""): success}, store=desk.store, clock=desk.clock) == 0


def test_failure_that_comes_back_within_the_quiet_time_is_not_told_again(desk):
    """A job that fails and recovers every minute: one message in a quarter of an hour, and its recoveries."""
    desk.fail("run_1")
    desk.send()
    desk.clock.advance(MINUTE)
    desk.succeed()
    desk.send()
    desk.clock.advance(MINUTE)

    desk.fail("run_2")
    desk.send()
    assert [is_reply for _, is_reply in desk.texts()] == [False, True]

    desk.clock.advance(15 * MINUTE)
    desk.send()
    text, is_reply = desk.texts()[-1]
    assert (is_reply, "2 times since" in text) == (False, True)


def test_failure_with_rows_is_over_when_its_rows_are_well(desk):
    """A later run about others does not mend a member's row: her own has to end well."""
    [row] = desk.world.receive(desk.world.join()[0])
    desk.store.dispatches.adopt(RUN, job=JOB, inbox_ids=[row], now=NOW)
    desk.store.inbox.finish([row], state=InboxState.FAILED, reason="Mailchimp is down", now=NOW)
    desk.fail()
    desk.send()
    desk.clock.advance(MINUTE)
    assert desk.succeed() == 0

    desk.store.dispatches.adopt("again", job=JOB, inbox_ids=[row], now=NOW)
    assert desk.succeed() == 0
    desk.store.inbox.finish([row], state=InboxState.PROCESSED, now=NOW)
    assert desk.succeed() == 1
    desk.send()

    recovery, is_reply = desk.texts()[-1]
    assert is_reply
    assert "all that it had left undone is done or decided" in recovery


def test_row_that_is_tried_again_meanwhile_still_counts(desk):
    """`webhook_retry` has taken it within a second: the failure is over when it ends well, not with others' success."""
    [row] = desk.world.receive(desk.world.join()[0])
    desk.store.dispatches.adopt(RUN, job=JOB, inbox_ids=[row], now=NOW)
    desk.store.inbox.finish([row], state=InboxState.FAILED, reason="Mailchimp is down", now=NOW)
    failure = Failure(
        job=JOB,
        subject=f"row:{row}",
        error_class="transient",
        reason="Mailchimp is down",
        inbox_ids=(row,),
        dag_run_id=RUN,
    )
    desk.store.dead_letters.open_case(failure, now=NOW)
    desk.store.dispatches.adopt("retry.1", job="webhook_retry", inbox_ids=[row], now=NOW)

    desk.fail()
    desk.send()

    [(text, _)] = desk.texts()
    assert "failed: Mailchimp is down" in text
    assert "Affected: 1 row." in text
    desk.clock.advance(MINUTE)
    assert desk.succeed() == 0
    desk.store.inbox.finish([row], state=InboxState.PROCESSED, now=NOW)
    assert desk.succeed() == 1


def test_failure_is_over_when_a_person_abandons_what_it_left(desk):
    """Nothing more is to come of it: nobody waits for the row to end well."""
    [row] = desk.world.receive(desk.world.join()[0])
    desk.store.dispatches.adopt(RUN, job=JOB, inbox_ids=[row], now=NOW)
    desk.store.inbox.finish([row], state=InboxState.DEAD, reason="cannot be read", now=NOW)
    failure = Failure(
        job=JOB, subject=f"row:{row}", error_class="payload", reason="bad", inbox_ids=(row,)
    )
    letter = desk.store.dead_letters.open_case(failure, now=NOW)
    desk.fail()
    assert desk.succeed() == 0

    Desks(desk.store, clock=desk.clock).decide(
        DeadLetterAction.ABANDON,
        Filter(ids=(letter.id,)),
        by=Person(actor="user:ada", why="a test"),
    )

    assert desk.succeed() == 1


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


def open_letter(desk, subject, *, reason="Mailchimp refuses the key", **details):
    """Let a letter wait for a person; return its number."""
    options = {"error_class": "permanent", "job": JOB, **details}
    failure = Failure(subject=subject, reason=reason, **options)
    return desk.store.dead_letters.open_case(failure, now=desk.clock.now()).id


def test_new_dead_letters_are_told_at_once_alike_ones_together(desk):
    """Whether a review goes on or not: nobody waits seven days to hear of a member without a welcome."""
    desk.store.reviews.ask("review.1", [], now=NOW)
    for number in range(3):
        open_letter(desk, f"step:{number}", reason="ada@example.org's answer was lost")
    open_letter(desk, "step:another", dag_run_id=RUN)

    desk.send()
    desk.send()

    texts = sorted(text for text, _ in desk.texts())
    assert len(texts) == 2
    assert texts[0].startswith(
        f":envelope: 1 new dead letter of *{JOB}*: permanent: Mailchimp refuses the key"
    )
    assert f"/runs/{RUN}|run>" in texts[0]
    assert texts[1].startswith(
        f":envelope: 3 new dead letters of *{JOB}*: permanent: (an address) answer"
    )
    assert "`docker compose run --rm ops dead-letters list 1 2 3`" in texts[1]


def test_each_new_dead_letter_is_told_by_itself_later(desk):
    """Its kind has been told a minute ago; how many there are now is not what is new."""
    open_letter(desk, "step:1")
    desk.send()
    desk.clock.advance(MINUTE)
    open_letter(desk, "step:2")
    desk.send()

    assert ["1 new dead letter of" in text for text, _ in desk.texts()] == [True, True]


def test_new_dead_letters_wait_together_while_slack_is_down(desk):
    """None of them is forgotten: the first message that gets through counts all of them."""
    desk.sandbox.fault("slack", "status", status=503, times=1)
    for number in range(2):
        open_letter(desk, f"step:{number}")
        desk.send()
        desk.clock.advance(MINUTE)

    assert [text.split(" of ")[0] for text, _ in desk.texts()] == [":envelope: 2 new dead letters"]


def test_dead_letter_of_a_failed_run_is_told_by_the_runs_message(desk):
    """One thing that went wrong is one message; the next letter of that kind is one of its own."""
    open_letter(desk, "row:1", dag_run_id=RUN)
    desk.fail()
    desk.send()
    desk.clock.advance(MINUTE)
    desk.send()
    assert [text.split("*")[2][:7] for text, _ in desk.texts()] == [" failed"]

    open_letter(desk, "row:2", dag_run_id="run_2")
    desk.fail("run_2")
    desk.send()

    assert [text.split()[0] for text, _ in desk.texts()] == [":red_circle:", ":envelope:"]


def test_dead_letter_that_comes_back_is_told_again(desk):
    """A person has had it tried again, and it has failed; what she has opened again herself she knows."""
    [row] = desk.world.receive(desk.world.join()[0])
    desk.store.inbox.finish([row], state=InboxState.DEAD, reason="no", now=NOW)
    letter = open_letter(desk, f"row:{row}", inbox_ids=(row,))
    desk.send()
    people, wanted = Desks(desk.store, clock=desk.clock), Filter(ids=(letter,))
    person = Person(actor="user:ada", why="a test")
    desk.clock.advance(MINUTE)
    people.decide(DeadLetterAction.ABANDON, wanted, by=person)
    people.decide(DeadLetterAction.UNDO_ABANDON, wanted, by=person)
    desk.send()
    assert len(desk.texts()) == 1

    assert people.decide(DeadLetterAction.REPLAY, wanted, by=person).done == 1
    desk.clock.advance(MINUTE)
    assert open_letter(desk, f"row:{row}", inbox_ids=(row,)) == letter
    desk.send()

    assert len(desk.texts()) == 2


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
