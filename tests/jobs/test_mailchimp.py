"""What Mailchimp refuses, drops or does not answer, and what becomes of the members it hits."""

from datetime import timedelta

import pytest

from include.errors import (
    PermanentVendorError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
)
from include.store.dead_letters import Filter
from include.store.inbox import InboxState
from include.vendors.mailchimp.client import subscriber_hash
from tests import factories
from tests.jobs.world import until

HTML = "<html><body>Service Unavailable</body></html>"
DOWN = {
    "429": {"kind": "status", "status": 429, "body": None},
    "bare 403": {"kind": "status", "status": 403, "body": None},
    "503 page": {"kind": "status", "status": 503, "body": HTML},
    "500": {"kind": "status", "status": 500, "body": None},
    "reset": {"kind": "reset"},
    "lost answer": {"kind": "lost_answer"},
}


@pytest.fixture
def ada(world):
    """Give the run of one new member, loaded."""
    world.load(world.receive(*world.join()), "run_ada")
    return "run_ada"


@pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN.keys())
@pytest.mark.parametrize("path", ["*/members/*", "*/tags"], ids=["upsert", "tags"])
def test_outage_is_tried_again_and_leaves_no_trace(world, ada, fault, path):
    """A vendor that is down fails the task's try, not the member; the next try does it once."""
    world.sandbox.fault("mailchimp", path=path, times=1, **fault)

    with pytest.raises(VendorUnavailableError):
        world.update(ada)
    world.update(ada, is_first_try=False)
    world.welcome(ada)
    world.record(ada)

    assert world.sandbox.fired() == 1
    assert world.states(ada) == {InboxState.PROCESSED}
    assert world.contact()["tags"] == {"active", "pro"}
    assert world.welcomes() == ["ada@example.org"]
    assert world.audit() == ["mailchimp:create"]


def test_stall_ends_in_time(world, ada):
    """A vendor that does not answer is given up after the time-out, not after the vendor's pleasure."""
    world.sandbox.fault("mailchimp", "stall", times=1, seconds=1)

    with pytest.raises(VendorUnavailableError):
        world.update(ada, mailchimp=world.a_mailchimp(timeout_seconds=0.3))

    assert world.sandbox.fired() == 1
    until(lambda: world.sandbox.count("mailchimp") == 1)  # the sandbox has done with it, too


def test_last_try_fails_the_members(world, ada):
    """When Airflow will not try again, the rows fail with the reason, and the welcome stays planned."""
    world.sandbox.fault("mailchimp", "status", status=503)

    world.update(ada, is_last_try=True)
    world.welcome(ada)
    recorded = world.record(ada)

    assert list(recorded.failures.values()) == ["Mailchimp is out of service"]
    assert {(r.state, r.reason) for r in world.store.inbox.of_run(ada)} == {
        (InboxState.FAILED, "Mailchimp is out of service")
    }
    assert world.steps() == ["planned"]
    assert world.welcome_calls() == 0


def test_cleared_run_mends_what_failed(world, ada):
    """A person clears the failed task and what follows: the rows are processed after all."""
    world.sandbox.fault("mailchimp", "status", status=503)
    world.update(ada, is_last_try=True)
    world.record(ada)
    world.sandbox.ask("DELETE", "faults")

    world.update(ada, is_first_try=True)
    world.welcome(ada)
    recorded = world.record(ada)

    assert recorded.failures == {}
    assert world.states(ada) == {InboxState.PROCESSED}
    assert world.welcomes() == ["ada@example.org"]


def test_failed_rows_run_again_with_another_run(world, ada):
    """What a run gave up on goes alone in another one: same effects, still once."""
    world.sandbox.fault("mailchimp", "status", status=503)
    world.update(ada, is_last_try=True)
    world.record(ada)
    world.sandbox.ask("DELETE", "faults")

    run = world.run_rows([row.id for row in world.store.inbox.of_run(ada)])

    assert world.states(run) == {InboxState.PROCESSED}
    assert world.welcomes() == ["ada@example.org"]


@pytest.mark.parametrize(
    "becomes", ["unsubscribed_by_person", "cleaned", "under_review", "forgotten"]
)
def test_compliance_state_is_terminal(world, ada, becomes):
    """What only the member can undo is recorded and not tried again; her row is processed."""
    world.sandbox.act("mailchimp_address", email="ada@example.org", becomes=becomes)

    world.update(ada)
    world.welcome(ada)
    recorded = world.record(ada)

    [row] = world.query("SELECT DISTINCT outcome, reason FROM ops.run_members")
    assert row["outcome"] == "terminal"
    assert "only she can undo it" in row["reason"]
    assert recorded.failures == {}
    assert world.states(ada) == {InboxState.PROCESSED}
    assert (world.steps(), world.welcome_calls()) == (["refused"], 0)
    calls = world.sandbox.count("mailchimp")
    world.run(*world.act("update_member", email="ada@example.org"))
    assert world.sandbox.count("mailchimp") == calls


def test_own_unsubscribe_is_respected_on_return(world):
    """She unsubscribed herself after we had: coming back as a member does not subscribe her."""
    world.run(*world.join())
    world.run(*world.act("payment_given_up", email="ada@example.org"))
    world.sandbox.act(
        "mailchimp_address", email="ada@example.org", becomes="unsubscribed_by_person"
    )
    subject = factories.subscription("sub_new", world.member().stripe_customer_id)

    run = world.run(
        factories.stripe_event("customer.subscription.created", subject, at=world.clock.now())
    )

    assert world.contact()["status"] == "unsubscribed"
    assert world.states(run) == {InboxState.PROCESSED}
    [row] = world.query("SELECT outcome FROM ops.run_members WHERE dag_run_id = %s", run)
    assert row["outcome"] == "terminal"


def test_archived_contact_comes_back(world, ada):
    """A contact that somebody archived by hand is a member's again."""
    world.sandbox.act("mailchimp_address", email="ada@example.org", becomes="none")
    world.mailchimp.archive_member(subscriber_hash("ada@example.org"))

    world.update(ada)

    assert world.contact()["status"] == "subscribed"


def test_permanent_refusal_is_dead_with_its_reason(world):
    """What Mailchimp will always refuse is not tried again; a person reads why."""
    reason = "Mailchimp: the address looks fake or invalid"
    ids = world.receive(*world.join("ada@example.invalid"))

    run = world.run_rows(ids)

    assert {(row.state, row.reason) for row in world.store.inbox.of_run(run)} == {
        (InboxState.DEAD, reason)
    }
    [letter] = world.store.dead_letters.select(Filter())
    assert (letter.error_class, letter.reason, letter.attempts) == ("permanent", reason, 1)
    assert len(world.writes()) == 1


def test_long_name_is_cut(world):
    """A name that is longer than a field takes is no reason for anybody to fail."""
    world.run(*world.join(first_name="A" * 300))

    assert world.contact()["FNAME"] == "A" * 255


def test_missing_list_fails_with_a_clear_text(world, ada):
    """A list that is not there is a matter of configuration: it fails, and says so."""
    world.update(ada, mailchimp=world.a_mailchimp(list_id="0000000000"))

    recorded = world.record(ada)

    assert "does not know the list" in next(iter(recorded.failures.values()))


def test_slow_limit_is_not_hammered(world, ada):
    """A limit that lasts for hours is no reason for a try in seconds."""
    world.sandbox.act("mailchimp_address", email="ada@example.org", becomes="too_many_lists")

    world.update(ada)

    recorded = world.record(ada)
    assert "too many lists recently" in next(iter(recorded.failures.values()))


def test_vendor_that_is_asked_and_down_spares_the_others(world):
    """Stripe is down: rows that need it wait for the next try, rows that do not are loaded."""
    world.run(*world.join())
    known = world.member()
    subject = factories.subscription(
        known.memberships[0].subscription_id, known.stripe_customer_id, tier="leader"
    )
    other = world.join("eve@example.org", via="stripe_first")
    created = next(e for e in other if e["type"] == "customer.subscription.created")
    enough = factories.stripe_event(
        "customer.subscription.updated", subject, at=world.clock.now() + timedelta(minutes=1)
    )
    ids = world.receive(created, enough)
    world.sandbox.fault("stripe", "status", status=500)

    with pytest.raises(VendorUnavailableError):
        world.load(ids, "run_x")
    assert world.member().memberships[0].tier == "leader"
    plan = world.load(ids, "run_x", is_last_try=True)

    assert plan.members == 1
    assert world.rows(ids) == [InboxState.FAILED, InboxState.DISPATCHED]
    assert world.store.inbox.rows(ids[:1])[0].reason == "Stripe answers 500"


def test_vendor_that_is_down_is_asked_once(world):
    """After one failure the others are not asked: a task does not spend its time on time-outs."""
    events = [
        factories.stripe_event("invoice.paid", factories.invoice(f"sub_{number}"))
        for number in range(20)
    ]
    ids = world.receive(*events)
    world.sandbox.fault("stripe", "status", status=500)

    with pytest.raises(VendorUnavailableError):
        world.load(ids, "run_x")

    assert world.sandbox.count("stripe") <= 2 * 4  # the package's one retry; four at a time


@pytest.mark.parametrize(
    ("vendor", "status", "kind"),
    [
        ("stripe", 429, VendorBusyError),
        ("stripe", 500, VendorUnavailableError),
        ("stripe", 401, PermanentVendorError),
        ("stripe", 404, VendorNotFoundError),
        ("clerk", 429, VendorBusyError),
        ("clerk", 500, VendorUnavailableError),
        ("clerk", 401, PermanentVendorError),
        ("clerk", 404, VendorNotFoundError),
    ],
)
def test_readers_failures_are_ours(world, vendor, status, kind):
    """Every refusal of the vendors we read from is an error of our tree, without what was sent."""
    world.sandbox.fault(vendor, "status", status=status, body={"error": {"message": "x@y.z"}})
    read = world.stripe.read_customer if vendor == "stripe" else world.clerk.read_user

    with pytest.raises(VendorError) as caught:
        read("some_id")

    assert type(caught.value) is kind
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("vendor", ["stripe", "clerk"])
def test_reader_that_is_cut_off_is_unavailable(world, vendor):
    """A connection that breaks is a vendor that is down."""
    world.sandbox.fault(vendor, "reset")
    read = world.stripe.read_subscription if vendor == "stripe" else world.clerk.read_user

    with pytest.raises(VendorUnavailableError):
        read("some_id")
