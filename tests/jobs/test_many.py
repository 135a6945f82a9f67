"""Many members at once: bulk calls, failures that stay with their members, Mailchimp's ten connections."""

import threading
from datetime import timedelta

import pytest

from include.store.inbox import InboxState
from tests import factories

MEMBERS = 500


def subscriptions(world, count, **details):
    """Seed members at the vendors, and return an event for each one's subscription."""
    seeded = world.sandbox.ask("POST", "seed", json={"members": count, **details})["members"]
    at = world.clock.now()
    return seeded, [
        factories.stripe_event(
            "customer.subscription.created",
            factories.subscription(m["stripe_subscription_id"], m["stripe_customer_id"]),
            at=at,
        )
        for m in seeded
    ]


def members_at_mailchimp(world):
    """Return Mailchimp's contacts by address, as (status, tags)."""
    found = world.sandbox.ask("GET", "state/mailchimp")["members"]
    return {m["email_address"]: (m["status"], {t["name"] for t in m["tags"]}) for m in found}


def test_five_hundred_members_in_bulk(world):
    """A whole batch is one upsert and a call per tag; each member is as if she had come alone."""
    seeded, events = subscriptions(world, MEMBERS)
    ids = world.receive(*events)
    world.load(ids, "run_x")

    world.update("run_x")
    world.record("run_x")

    writes = world.writes()
    assert len([call for call in writes if call[1].endswith("/segments")]) == 2  # made: active, pro
    assert len(writes) <= 5
    assert world.states("run_x") == {InboxState.PROCESSED}
    contacts = members_at_mailchimp(world)
    assert set(contacts) == {m["email"] for m in seeded}
    assert all(contact == ("subscribed", {"active", "pro"}) for contact in contacts.values())


def test_change_of_many_is_one_call_per_tag(world):
    """A second batch gives and takes tags for all at once."""
    seeded, events = subscriptions(world, 20)
    world.run(*events)
    at = world.clock.now()
    ended = [
        factories.stripe_event(
            "customer.subscription.deleted",
            factories.subscription(
                m["stripe_subscription_id"], m["stripe_customer_id"], status="canceled"
            ),
            at=at.replace(year=at.year + 1),
        )
        for m in seeded
    ]
    before = len(world.writes())

    world.run(*ended)

    assert len(world.writes()) - before <= 5  # upsert; alumni made; alumni, active, pro changed
    contacts = members_at_mailchimp(world)
    assert all(contact == ("unsubscribed", {"alumni"}) for contact in contacts.values())


def test_failures_stay_with_their_members(world):
    """Some of a batch are refused, each for a reason of her own; all others are processed.

    Whom Mailchimp asks to wait for hours waits, and is not tried again at once.
    """
    seeded, events = subscriptions(world, 60)
    addresses = [m["email"] for m in seeded]
    for email, becomes in zip(
        addresses,
        ("unsubscribed_by_person", "cleaned", "forgotten", "too_many_lists"),
        strict=False,
    ):
        world.sandbox.act("mailchimp_address", email=email, becomes=becomes)

    ids = world.receive(*events)
    world.run_rows(ids)

    states = world.rows(ids)
    assert states[:4] == [
        InboxState.PROCESSED,
        InboxState.PROCESSED,
        InboxState.PROCESSED,
        InboxState.WAITING,
    ]
    [waiting] = [row for row in world.store.inbox.rows(ids) if row.state is InboxState.WAITING]
    assert waiting.due_at > world.clock.now() + timedelta(minutes=30)
    assert set(states[4:]) == {InboxState.PROCESSED}
    outcomes = world.query("SELECT outcome, count(*) FROM ops.run_members GROUP BY 1 ORDER BY 1")
    assert {row["outcome"]: row["count"] for row in outcomes} == {
        "create": 56,
        "failed": 1,
        "terminal": 3,
    }
    assert world.welcomes() == sorted(addresses[4:])


def test_whom_mailchimp_knew_before_us_is_not_overruled(world):
    """A bulk call has no `status_if_new`: contacts that exist are left to single calls that have it."""
    seeded, events = subscriptions(world, 10, in_mailchimp=True)
    email = seeded[0]["email"]
    world.sandbox.act("mailchimp_address", email=email, becomes="unsubscribed_by_person")

    world.run(*events)

    contacts = members_at_mailchimp(world)
    assert contacts.pop(email)[0] == "unsubscribed"
    assert all(contact == ("subscribed", {"active", "pro"}) for contact in contacts.values())


@pytest.mark.parametrize(
    "path", ["/lists/a1b2c3d4e5", "/lists/a1b2c3d4e5/segments", "*/segments/*"]
)
def test_bulk_call_that_fails_is_tried_again(world, path):
    """Any of the bulk calls may fail: the next try goes on where this one stopped, effects once."""
    _, events = subscriptions(world, 20)
    world.load(world.receive(*events), "run_x")
    world.sandbox.fault("mailchimp", "status", path=path, status=500, times=1)

    with pytest.raises(Exception, match="Mailchimp answers 500"):
        world.update("run_x")
    world.update("run_x", is_first_try=False)

    assert world.sandbox.fired() == 1
    contacts = members_at_mailchimp(world)
    assert len(contacts) == 20
    assert all(contact == ("subscribed", {"active", "pro"}) for contact in contacts.values())


def test_never_more_than_ten_connections(world):
    """Four runs at once, some hundred members each in welcomes: Mailchimp sees ten at most, ever."""
    runs = {}
    for number in range(4):
        _, events = subscriptions(world, 60, prefix=f"run{number}-")
        runs[f"run_{number}"] = world.receive(*events)
    world.sandbox.ask("PATCH", "settings", json={"service_seconds": {"mailchimp": 0.02}})
    problems = []

    def work(run, ids):
        try:
            with world.another() as mine:
                mine.load(ids, run)
                mine.update(run)
                mine.welcome(run)
                mine.record(run)
        except Exception as error:  # noqa: BLE001 - a thread's failure must fail the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=item) for item in runs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert problems == []
    at_once = world.sandbox.calls(vendor="mailchimp", limit=0)["highest_at_once"]["mailchimp"]
    assert 5 < at_once <= 10
    assert len(world.welcomes()) == len(set(world.welcomes())) == 240
