"""Failed runs are told to Slack: once per kind of failure, later where Slack is down, and when it is over."""

import re
from uuid import uuid4

import pytest

from include.failures.dead_letters import DeadLetterService as Desks
from include.notify.notices import Success, close_recovered
from include.person import Person
from include.store.dead_letters import DeadLetterAction, Failure, Filter
from include.store.inbox import InboxState
from include.store.run_members import MemberOutcome, MemberResult
from tests.factories import NOW
from tests.jobs.notice_world import JOB, MINUTE, RUN


def test_failed_run_is_one_message_with_all_that_is_needed(desk):
    """Who reads it knows what failed, how much of it, and where to look; nothing names a member."""
    [row] = desk.world.receive(desk.world.join()[0])
    desk.store.dispatches.attach(RUN, job=JOB, inbox_ids=[row], now=NOW)
    member_id = uuid4()
    desk.store.run_members.open(RUN, {member_id: None})
    reason = "Mailchimp: ada@example.org is in <compliance> & stays"
    failed = MemberResult(member_id=member_id, outcome=MemberOutcome.FAILED, reason=reason)
    desk.store.run_members.resolve(RUN, [failed])
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
    desk.store.dispatches.attach(RUN, job=JOB, inbox_ids=[row], now=NOW)
    desk.store.inbox.finish([row], state=InboxState.FAILED, reason="Mailchimp is down", now=NOW)
    desk.fail()
    desk.send()
    desk.clock.advance(MINUTE)
    assert desk.succeed() == 0

    desk.store.dispatches.attach("again", job=JOB, inbox_ids=[row], now=NOW)
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
    desk.store.dispatches.attach(RUN, job=JOB, inbox_ids=[row], now=NOW)
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
    desk.store.dispatches.attach("retry.1", job="webhook_retry", inbox_ids=[row], now=NOW)

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
    desk.store.dispatches.attach(RUN, job=JOB, inbox_ids=[row], now=NOW)
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
        f":envelope: 3 new dead letters of *{JOB}*: permanent: (an address)'s answer"
    )
    assert "`docker compose run --rm ops dead-letters list 1 2 3`" in texts[1]
    assert "/runbooks/dead_letter.md|runbook>" in texts[1]


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
