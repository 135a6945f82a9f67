"""Each step of an end may be repeated, stopped or overtaken."""

import pytest

from include.errors import VendorUnavailableError
from include.membership.ends import End, EndReason, EndState
from include.store.scheduled_ends import AuditContext, move_end
from tests.jobs.deactivation_world import ADA, HOUR, is_over, the_end

# --- once, and one step alone ---


@pytest.mark.parametrize("step", ["check", "end", "update", "close"])
def test_each_step_may_be_repeated(leaving, step):
    """A person clears a task of a finished run: nothing is done again."""
    leaving.pass_time(seconds=HOUR + 1)
    leaving.deactivate("run_1", the_end(leaving).id)
    writes, audit = leaving.writes(), leaving.audit()

    getattr(leaving, step)("run_1")

    assert (leaving.writes(), leaving.audit()) == (writes, audit)
    assert is_over(leaving)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_run_that_stopped_goes_on_where_it_was(leaving, stop_after):
    """Whatever step was the last to finish, the steps may all be run again."""
    leaving.pass_time(seconds=HOUR + 1)
    row = the_end(leaving)
    for step in (lambda: leaving.check("run_1", row.id), lambda: leaving.end("run_1"))[:stop_after]:
        step()
    if stop_after == 3:
        leaving.update("run_1")

    leaving.deactivate("run_1", row.id)

    assert is_over(leaving)
    assert leaving.audit().count("member:deactivated") == 1


def test_who_comes_back_before_it_is_recorded(leaving):
    """The deed was done: that is written down, then everything comes back; the run finds nothing more to do."""
    leaving.pass_time(seconds=HOUR + 1, settles=False)
    leaving.check("run_1")
    leaving.end("run_1")

    leaving.run(*leaving.act("resume", email=ADA))
    leaving.update("run_1")
    leaving.close("run_1")

    assert the_end(leaving).state is EndState.DONE
    assert leaving.audit()[-3:] == ["member:deactivated", "profile:show", "mailchimp:update"]
    assert leaving.profiles() == [True]
    assert leaving.contact()["tags"] == {"active", "pro"}


def test_who_comes_back_after_mailchimp_failed_and_leaves_again(leaving):
    """The failed row is not in the way of the next end."""
    leaving.pass_time(seconds=HOUR + 1, settles=False)
    leaving.check("run_1")
    leaving.end("run_1")
    leaving.sandbox.fault("mailchimp", "status", status=503)
    leaving.update("run_1", is_first_try=False, is_last_try=True)
    leaving.close("run_1")
    leaving.sandbox.ask("DELETE", "faults")
    assert the_end(leaving).state is EndState.FAILED

    back = leaving.act("resume", email=ADA)
    again = leaving.act("cancel_at_period_end", email=ADA, in_seconds=30 * 24 * HOUR)
    leaving.run(*back, *again)

    assert [row.state for row in leaving.ends()] == [EndState.DONE, EndState.PENDING]
    assert leaving.profiles() == [True]
    assert leaving.contact()["tags"] == {"active", "canceling", "pro"}


def test_run_that_was_deleted_halfway_is_finished_by_another(leaving):
    """The tables had it, Mailchimp not: the next run does the rest."""
    leaving.pass_time(seconds=HOUR + 1)
    leaving.check("run_1")
    leaving.end("run_1")
    leaving.store.deactivations.reschedule("run_1", why="gone", most=3, now=leaving.clock.now())

    leaving.deactivate("run_2")

    assert is_over(leaving)
    assert leaving.audit().count("member:deactivated") == 1


def test_another_run_takes_what_is_due_only_once(leaving):
    """Two runs, one row: the second finds nothing."""
    leaving.pass_time(seconds=HOUR + 1)

    plans = [leaving.check("run_1"), leaving.check("run_2")]

    assert [plan.taken for plan in plans] == [1, 0]


def test_old_decision_is_not_acted_on(leaving):
    """`update_database` is cleared a day later: Stripe is asked again before anything is done."""
    leaving.pass_time(seconds=HOUR + 1, settles=False)
    leaving.check("run_1")
    leaving.act("resume", email=ADA)
    leaving.pass_time(seconds=24 * HOUR, settles=False)

    assert leaving.end("run_1") == 0

    assert the_end(leaving).state is EndState.REVOKED
    assert leaving.profiles() == [True]


def test_silent_stripe_is_asked_again_then_a_person(leaving):
    """Three tries more, then the row fails with its reason; cleared, it goes on."""
    leaving.pass_time(seconds=HOUR + 1)
    row = the_end(leaving)
    leaving.sandbox.fault("stripe", "status", status=503)
    with pytest.raises(VendorUnavailableError):
        leaving.check("run_1", row.id)

    plan = leaving.check("run_1", row.id, is_last_try=True)

    assert (plan.to_be, list(plan.failures)) == (0, [row.id])
    assert the_end(leaving).state is EndState.FAILED
    assert "Stripe" in the_end(leaving).why
    assert leaving.profiles() == [True]
    leaving.sandbox.ask("DELETE", "faults")
    leaving.deactivate("run_1", row.id)
    assert is_over(leaving)


def test_one_that_stripe_does_not_answer_about_fails_alone(world):
    """The others are done; the run is red for the one, and says why."""
    emails = [f"ada{number}@example.org" for number in range(3)]
    for email in emails:
        world.run(*world.join(email))
        world.run(*world.act("cancel_at_period_end", email=email, in_seconds=HOUR))
    world.pass_time(seconds=HOUR + 1)
    bad = world.ends()[1]
    path = f"/v1/subscriptions/{bad.subscription_id}"
    world.sandbox.fault("stripe", "status", path=path, status=500)

    plan = world.check("run_1", is_last_try=True)
    world.end("run_1")
    world.update("run_1")
    recorded = world.close("run_1")

    assert (plan.taken, plan.to_be, list(plan.failures)) == (3, 2, [bad.id])
    assert [row.state for row in world.ends()] == [EndState.DONE, EndState.FAILED, EndState.DONE]
    assert (recorded.done, list(recorded.failures)) == (2, [bad.id])
    assert "Stripe answers 500" in recorded.summary


def test_silent_mailchimp_fails_the_row_and_is_mended(leaving):
    """The database has it already; the row says what is missing, and the cleared step does just that.

    The audit log's line, written by then, tells the end from its beginning.
    """
    leaving.pass_time(seconds=HOUR + 1)
    leaving.check("run_1")
    leaving.end("run_1")
    leaving.sandbox.fault("mailchimp", "status", status=503)
    leaving.update("run_1", is_first_try=False, is_last_try=True)

    recorded = leaving.close("run_1")

    assert list(recorded.failures) == [the_end(leaving).id]
    assert "Mailchimp is out of service" in recorded.summary
    assert the_end(leaving).state is EndState.FAILED
    assert leaving.profiles() == [False]
    leaving.sandbox.ask("DELETE", "faults")
    leaving.update("run_1")
    assert leaving.close("run_1").failures == {}
    assert is_over(leaving)
    [line] = leaving.query("SELECT * FROM ops.audit_log WHERE action = 'member:deactivated'")
    assert line["before"]["memberships"][0]["status"] == "active"


def test_person_s_date_holds(leaving):
    """D9: moved to now by hand, it ends now, though Stripe says later."""
    row = the_end(leaving)
    leaving.pass_time(seconds=1)
    now = leaving.clock.now()
    by = AuditContext(actor="user:op", person="op", why="asked for it by mail", now=now)
    with leaving.store.transaction():
        end = End(vendor_at=row.vendor_at, deactivate_at=now, reason=EndReason.BY_HAND)
        move_end(row, end, by=by, store=leaving.store)

    leaving.deactivate()

    assert is_over(leaving)


def test_oldest_first_within_one_run(world):
    """What is overdue for days is taken together, oldest first, and costs few calls."""
    emails = [f"ada{number}@example.org" for number in range(8)]
    events = [event for email in emails for event in world.join(email)]
    world.run(*events)
    for number, email in enumerate(reversed(emails)):
        world.run(*world.act("cancel_at_period_end", email=email, in_seconds=100 + number))
    world.pass_time(seconds=3 * 24 * HOUR)
    calls = world.sandbox.count("mailchimp")

    taken = world.store.deactivations.take("run_1", own_id=0, now=world.clock.now(), row_limit=3)
    world.deactivate("run_1")

    in_order = sorted(world.ends(), key=lambda row: row.deactivate_at)
    assert {row.id for row in taken} == {row.id for row in in_order[:3]}
    assert {row.state for row in world.ends()} == {EndState.DONE}
    assert world.audit().count("member:deactivated") == 8
    assert world.sandbox.count("mailchimp") - calls < 8
