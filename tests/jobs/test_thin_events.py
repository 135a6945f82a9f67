"""Thin events: the same stories as snapshots, as thin events and as both end in the same tables and calls."""

import pytest

from include.errors import VendorUnavailableError
from include.routing import route_of
from include.store.inbox import InboxState
from tests import factories

ENDED = {InboxState.PROCESSED, InboxState.SUPERSEDED, InboxState.IGNORED}
STORIES = (
    "cancel_at_period_end",
    "resume",
    "payment_failed",
    "payment_recovered",
    "pause",
    "resume",
    "refund",
    "cancel_now",
)
TABLES = """
SELECT users.is_visible, users.first_name, memberships.status, memberships.tier, memberships.cancel_at_period_end,
       memberships.ended_at IS NULL AS goes_on, deactivations.state, deactivations.reason
FROM public.users
JOIN public.memberships ON memberships.user_id = users.id
LEFT JOIN ops.deactivations ON deactivations.subscription_id = memberships.stripe_subscription_id
WHERE users.email = %s
ORDER BY deactivations.id
"""


def choose(world, payload):
    """Have Stripe send events in this form from now on."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_payload": payload})


def play(world, payload, email, *, is_one_by_one=False):
    """Play all stories to somebody in one form; return after each the tables, the contact and how it was written."""
    choose(world, payload)
    found = []
    for story in ("join", *STORIES):
        before = len(world.writes())
        events = world.join(email) if story == "join" else world.act(story, email=email)
        for part in [[event] for event in events] if is_one_by_one else [events]:
            assert world.states(world.run(*part)) <= ENDED
        writes = [method for method, _ in world.writes()[before:]]
        found.append((story, world.query(TABLES, email), world.contact(email), writes))
    return found


@pytest.mark.parametrize("is_one_by_one", [False, True], ids=["one run", "a run each"])
def test_stories_end_the_same_in_every_form(world, is_one_by_one):
    """Member, membership, planned ends and contact: whichever form told of them; and one welcome each."""
    emails = [f"{payload}@example.org" for payload in ("snapshot", "thin", "both")]
    expected, *others = (
        play(world, email.partition("@")[0], email, is_one_by_one=is_one_by_one) for email in emails
    )

    assert others == [expected, expected]
    assert world.welcomes() == sorted(emails)


MONEY = (
    ("refund_invoice", {}),
    ("refund_taken_back", {"becomes": "failed"}),
    ("dispute", {}),
    ("dispute", {"becomes": "lost"}),
)


def pay_back(world, payload, email):
    """Let money move both ways in one form, and return what is written down of it after each move."""
    choose(world, payload)
    world.run(*world.join(email))
    [member] = [one for one in world.members() if one.email == email]
    subscription, found = member.memberships[0].subscription_id, []
    for story, details in MONEY:
        run = world.run(*world.act(story, subscription=subscription, **details))
        assert world.states(run) <= {InboxState.PROCESSED, InboxState.SUPERSEDED}, story
        refunds = world.query(
            "SELECT is_full FROM ops.refunds WHERE subscription_id = %s", subscription
        )
        findings = {
            str(one.kind) for one in world.store.findings.read() if one.member_id == member.id
        }
        found.append((refunds, findings))
    return found


def test_money_that_moves_is_read(world):
    """A charge, a refund and a dispute are each named by an event of their own, and lead to her subscription."""
    snapshot, thin = (pay_back(world, one, f"{one}@example.org") for one in ("snapshot", "thin"))

    assert thin == snapshot
    assert thin == [
        ([{"is_full": True}], set()),
        ([], {"refund_failed"}),
        ([], {"refund_failed", "dispute"}),
        ([{"is_full": True}], {"refund_failed"}),
    ]


def test_object_is_read_once_for_all_events_that_name_it(world):
    """Two events about one invoice are one question."""
    choose(world, "thin")
    events = [event for event in world.join() if "invoice" in event["type"]]

    world.run(*events)

    assert len(events) == 2
    assert world.sandbox.count("stripe", path="/v1/invoices/*") == 1


def test_thin_event_about_what_stripe_does_not_know_is_about_nobody(world):
    """An object that is gone says nothing of a member; the row says so."""
    gone = factories.thin_event("invoice.paid", "invoice", "in_gone", at=world.clock.now())

    run = world.run(gone)

    assert world.states(run) == {InboxState.IGNORED}
    assert world.reasons(run) == {"about no subscription"}


def test_thin_event_about_another_kind_of_object_is_dead(world):
    """A type that is followed, about something that it is never about: a person looks."""
    odd = factories.thin_event("invoice.paid", "payout", "po_1", at=world.clock.now())
    [row] = world.receive(odd)

    world.run_rows([row])

    assert world.rows([row]) == [InboxState.DEAD]
    assert world.sandbox.count("stripe") == 0


def test_thin_event_waits_while_stripe_does_not_answer(world):
    """What it names is asked of Stripe as all else is: the task is tried again, then nothing is missing."""
    choose(world, "thin")
    events = world.join()
    ids = world.receive(*events)
    world.sandbox.fault("stripe", "status", status=503)
    with pytest.raises(VendorUnavailableError):
        world.load(ids, "run_of_thin")

    world.sandbox.ask("DELETE", "faults")
    world.load(ids, "run_of_thin")
    world.update("run_of_thin")
    world.welcome("run_of_thin")
    world.record("run_of_thin")

    assert world.contact()["tags"] == {"active", "pro"}
    assert world.welcomes() == ["ada@example.org"]


def test_every_type_that_starts_a_job_does_so_as_a_thin_event(world):
    """The sandbox's thin events are routed as the snapshots beside them."""
    choose(world, "both")
    world.join()

    events = [event for event in world.sandbox.events() if event["vendor"] == "stripe"]
    pairs = {event["type"].removeprefix("v1."): set() for event in events}
    for event in events:
        pairs[event["type"].removeprefix("v1.")].add(route_of("stripe", event["type"]))

    assert all(len(routes) == 1 for routes in pairs.values())


@pytest.mark.parametrize("payload", ["snapshot", "thin"])
def test_accounts_pay_as_customers_did(world, payload):
    """Under Accounts v2 `customer` is null: the account is read for address and name, and followed."""
    choose(world, payload)
    world.sandbox.ask("PATCH", "settings", json={"stripe_accounts": True})
    world.run(*world.join())
    member = world.member()

    world.run(*world.act("update_member", email="ada@example.org", first_name="Augusta"))
    world.run(*world.act("cancel_now", email="ada@example.org"))

    assert member.stripe_customer_id.startswith("acct_")
    assert (member.email, world.welcomes()) == ("ada@example.org", ["ada@example.org"])
    assert (world.contact()["FNAME"], world.contact()["tags"]) == (
        "Augusta",
        {"active", "pro", "canceling"},
    )
