"""The welcome: once per member for ever, and never twice because nobody knew."""

import pytest

from include.errors import VendorUnavailableError
from include.store.inbox import InboxState
from include.vendors.mailchimp.client import Automation
from tests.jobs.world import until

JOURNEYS = "/customer-journeys/*"
SURELY_NOT_SENT = {
    "429": {"kind": "status", "status": 429},
    "bare 403": {"kind": "status", "status": 403},
    "503": {"kind": "status", "status": 503},
}
PERHAPS_SENT = {
    "lost answer": {"kind": "lost_answer"},
    "reset": {"kind": "reset"},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "504": {"kind": "status", "status": 504},
}


@pytest.fixture
def ada(world):
    """Give the run of one new member whose contact is made and who waits for her welcome."""
    world.load(world.receive(*world.join()), "run_ada")
    world.update("run_ada")
    return "run_ada"


@pytest.mark.parametrize("fault", SURELY_NOT_SENT.values(), ids=SURELY_NOT_SENT.keys())
def test_welcome_that_did_not_arrive_is_repeated(world, ada, fault):
    """Mailchimp turned the call away: the next try makes it, and it is made once."""
    world.sandbox.fault("mailchimp", path=JOURNEYS, times=1, **fault)

    with pytest.raises(VendorUnavailableError):
        world.welcome(ada)
    assert world.steps() == ["planned"]
    world.welcome(ada)

    assert world.sandbox.fired() == 1
    assert (world.steps(), world.welcomes()) == (["done"], ["ada@example.org"])


def test_refused_connection_is_repeated(world, ada):
    """Without a connection nothing was sent."""
    nobody = world.a_mailchimp(base_url="http://127.0.0.1:9/mailchimp/3.0")

    with pytest.raises(VendorUnavailableError):
        world.welcome(ada, mailchimp=nobody)

    assert world.steps() == ["planned"]


@pytest.mark.parametrize("fault", PERHAPS_SENT.values(), ids=PERHAPS_SENT.keys())
def test_lost_answer_is_for_a_person(world, ada, fault):
    """Nobody knows whether she was welcomed: nothing repeats it, a person sees it, the rest goes on."""
    world.sandbox.fault("mailchimp", path=JOURNEYS, **fault)

    for _ in range(3):
        world.welcome(ada)
    world.record(ada)

    assert world.sandbox.fired() == 1
    assert (world.steps(), world.welcome_calls()) == (["uncertain"], 1)
    assert world.audit() == ["dead_letter:open", "welcome:uncertain", "mailchimp:create"]
    assert world.states(ada) == {InboxState.PROCESSED}


def test_stall_is_a_lost_answer(world, ada):
    """A call that was sent and not answered in time may have been done."""
    world.sandbox.fault("mailchimp", "stall", path=JOURNEYS, seconds=1)

    world.welcome(ada, mailchimp=world.a_mailchimp(timeout_seconds=0.3))

    assert world.steps() == ["uncertain"]
    until(lambda: world.welcome_calls() == 1)  # the sandbox has done with it, too


def test_last_try_leaves_the_welcome_for_later(world, ada):
    """No try is left: the row fails with the reason, and another run on it welcomes her."""
    world.sandbox.fault("mailchimp", "status", path=JOURNEYS, status=503)

    world.welcome(ada, is_last_try=True)
    world.record(ada)
    failed = world.store.inbox.of_run(ada)
    world.sandbox.ask("DELETE", "faults")
    run = world.run_rows([failed[0].id])

    assert {row.state for row in failed} == {InboxState.FAILED}
    assert world.states(run) == {InboxState.PROCESSED}
    assert (world.steps(), world.welcomes()) == (["done"], ["ada@example.org"])


def test_wrong_journey_fails_and_can_be_cleared(world, ada):
    """A journey that is not there: the row fails; mended and cleared, the same run welcomes her."""
    nowhere = world.a_mailchimp(welcome=Automation(workflow_id="none", email_id="none"))
    world.welcome(ada, mailchimp=nowhere)
    assert len(world.record(ada).failures) == 1

    world.welcome(ada)
    recorded = world.record(ada)

    assert recorded.failures == {}
    assert world.states(ada) == {InboxState.PROCESSED}
    assert world.welcomes() == ["ada@example.org"]


def test_classic_automation_welcomes_too(world, ada):
    """By setting, a classic automation's e-mail instead of a journey."""
    automation = Automation(workflow_id="57afe96172", email_id="a87de7d1e5")

    world.welcome(ada, mailchimp=world.a_mailchimp(welcome=automation))

    queue = world.sandbox.ask("GET", "state/mailchimp")["queue"]
    assert [entry["email_address"] for entry in queue] == ["ada@example.org"]
    assert world.steps() == ["done"]


def test_welcome_that_is_off_is_not_planned(world):
    """By setting, no welcome at all: nothing is planned, and the DAG skips the task."""
    plan = world.load(world.receive(*world.join()), "run_x", has_welcome=False)

    assert (plan.has_welcomes, world.steps()) == (False, [])


def test_member_who_has_left_is_not_welcomed(world, ada):
    """Between the plan and the call she canceled: the welcome is refused."""
    with world.another() as other:
        other.run(*other.act("payment_given_up", email="ada@example.org"))

    world.welcome(ada)

    assert (world.steps(), world.welcome_calls()) == (["refused"], 0)


def test_begun_by_a_try_that_ended_is_for_a_person(world, ada):
    """An earlier try of this run wrote down its intent and ended: its call may have gone out."""
    [key] = world.store.steps.planned("welcome", ada)
    world.store.steps.intend([key], dag_run_id=ada, now=world.clock.now())

    world.welcome(ada)

    assert (world.steps(), world.welcome_calls()) == (["uncertain"], 0)
    assert world.audit() == ["dead_letter:open", "welcome:uncertain"]


def test_begun_by_another_run_is_left_alone(world, ada):
    """Another run is at it this moment: that one will end it; only after minutes it is uncertain."""
    [key] = world.store.steps.planned("welcome", ada)
    world.store.steps.intend([key], dag_run_id="another_run", now=world.clock.now())

    world.welcome(ada)

    assert (world.steps(), world.welcome_calls()) == (["intended"], 0)
