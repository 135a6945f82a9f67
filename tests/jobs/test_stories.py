"""What happens to a member, told by signed events, seen at Mailchimp."""

import random

import pytest

from include.events.values import address_from
from include.store.inbox import InboxState
from tests import factories

PROCESSED = {InboxState.PROCESSED}


@pytest.mark.parametrize("via", ["clerk_first", "stripe_first"])
@pytest.mark.parametrize("at_once", [True, False], ids=["one run", "a run each"])
def test_new_member_arrives(world, via, at_once):
    """Whoever tells us first, and in however many runs: one member, one contact, one welcome."""
    events = world.join(via=via)

    for part in [events] if at_once else [[event] for event in events]:
        assert world.states(world.run(*part)) <= {InboxState.PROCESSED, InboxState.SUPERSEDED}

    member = world.member()
    assert (member.email, member.first_name) == ("ada@example.org", "Ada")
    assert None not in (member.clerk_user_id, member.stripe_customer_id)
    assert world.contact() == {
        "status": "subscribed",
        "tags": {"active", "pro"},
        "FNAME": "Ada",
        "LNAME": "Lovelace",
        "TIER": "pro",
    }
    assert world.welcomes() == ["ada@example.org"]
    assert world.audit().count("mailchimp:create") == 1


def test_duplicate_causes_no_second_call(world):
    """Stripe delivers at least once: a second run on the same rows calls nobody."""
    ids = world.receive(*world.join())
    world.run_rows(ids)
    calls, audit = world.sandbox.count("mailchimp"), world.audit()

    again = world.run_rows(ids)

    assert world.states(again) == set()
    assert world.sandbox.count("mailchimp") == calls
    assert world.audit() == audit


def test_single_member_costs_three_calls(world):
    """A new member is one upsert, one call for the tags, one welcome; nothing is read back."""
    world.run(*world.join())

    assert [method for method, _ in world.writes()] == ["PUT", "POST", "POST"]
    assert world.sandbox.count("mailchimp") == 3


@pytest.mark.parametrize(
    ("story", "tags", "status"),
    [
        ("cancel_at_period_end", {"active", "pro", "canceling"}, "subscribed"),
        ("payment_failed", {"past_due", "pro"}, "subscribed"),
        ("pause", {"paused", "pro"}, "subscribed"),
        ("payment_given_up", {"alumni"}, "unsubscribed"),
    ],
)
def test_change_of_the_membership_reaches_the_tags(world, story, tags, status):
    """What becomes of a membership becomes of the contact's tags and status."""
    world.run(*world.join())

    run = world.run(*world.act(story, email="ada@example.org"))

    contact = world.contact()
    assert world.states(run) == PROCESSED
    assert (contact["tags"], contact["status"]) == (tags, status)


@pytest.mark.parametrize(
    ("there", "back"), [("cancel_at_period_end", "resume"), ("payment_failed", "payment_recovered")]
)
def test_way_back_leaves_no_trace(world, there, back):
    """A member who stays, or whose payment comes through, is as she was before."""
    world.run(*world.join())
    before = world.contact()
    world.run(*world.act(there, email="ada@example.org"))

    world.run(*world.act(back, email="ada@example.org"))

    assert world.contact() == before
    assert world.welcomes() == ["ada@example.org"]


def test_ended_member_may_rejoin(world):
    """Whom we unsubscribed as her membership ended is subscribed when she comes back; no second welcome."""
    world.run(*world.join())
    world.run(*world.act("payment_given_up", email="ada@example.org"))
    customer = world.member().stripe_customer_id
    subscription = factories.subscription("sub_new", customer, tier="leader")
    again = factories.stripe_event(
        "customer.subscription.created", subscription, at=world.clock.now()
    )

    world.run(again)

    contact = world.contact()
    assert (contact["status"], contact["tags"]) == ("subscribed", {"active", "leader"})
    assert world.welcomes() == ["ada@example.org"]


def test_changed_address_moves_the_contact(world):
    """A new address keeps the contact: the old hash is moved, nobody is there twice."""
    world.run(*world.join())

    world.run(*world.act("update_member", email="ada@example.org", new_email="ada@new.example"))

    assert world.contact("ada@example.org") is None
    assert world.contact("ada@new.example")["tags"] == {"active", "pro"}
    assert ("PATCH", world.writes()[3][1]) == world.writes()[3]


def test_changed_address_that_is_a_contact_already(world):
    """The new address is a contact of its own: it is taken over, and the old one is archived."""
    world.run(*world.join())
    world.sandbox.act("mailchimp_address", email="ada@new.example", becomes="none")

    world.run(*world.act("update_member", email="ada@example.org", new_email="ada@new.example"))

    assert world.contact("ada@example.org")["status"] == "archived"
    assert world.contact("ada@new.example")["tags"] == {"active", "pro"}


@pytest.mark.parametrize(
    "spelling", ["ADA@Example.ORG", "ada+wdai@example.org", "ada@bücher.example"]
)
def test_any_spelling_is_one_member(world, spelling):
    """Upper case, a plus, a Unicode domain: one member, one contact, at the address in its one form."""
    events, address = world.join(spelling), address_from(spelling)
    random.Random(1).shuffle(events)  # noqa: S311 - chance for tests

    for event in events:
        world.run(event)

    assert world.member().address == address
    assert world.contact(address)["status"] == "subscribed"
    assert len(world.sandbox.ask("GET", "state/mailchimp")["members"]) == 1


def test_deleted_account_is_unsubscribed(world):
    """Who deletes her account gets no mail any more."""
    world.run(*world.join())

    world.run(*world.act("delete_user", email="ada@example.org"))

    contact = world.contact()
    assert (contact["status"], contact["tags"]) == ("unsubscribed", {"alumni"})
    assert world.members() == []


def test_two_rows_of_one_person_are_merged(world):
    """Known to Stripe under another address, she checks out as a Clerk user: two members become one."""
    paid = world.join("billing@example.org", via="stripe_first")
    world.run(*[event for event in paid if event["type"] == "customer.subscription.created"])
    world.run(factories.clerk_event("user.created", clerk_user(world), at=world.clock.now()))
    stripe_row, clerk_row = sorted(world.members(), key=lambda m: m.clerk_user_id or "")

    world.run(link(world, stripe_row, clerk_row))

    member = world.member()
    assert member.id == clerk_row.id
    assert [m.subscription_id for m in member.memberships] == [
        m.subscription_id for m in stripe_row.memberships
    ]
    assert world.contact("billing@example.org") is None
    assert world.contact("ada@example.org")["tags"] == {"active", "pro"}
    assert world.welcomes() == ["billing@example.org"]
    assert "member:merge" in world.audit()


def clerk_user(world):
    """Make a user at Clerk, and return her."""
    answer = world.clerk._session.post(
        f"{world.sandbox.url}/clerk/v1/users",
        json={"email_address": ["ada@example.org"], "first_name": "Ada", "last_name": "L"},
        headers={"Authorization": "Bearer sk_test_x"},
        timeout=5,
    )
    answer.raise_for_status()
    return answer.json()


def link(world, stripe_row, clerk_row):
    """Return the checkout of a customer who was this Clerk user."""
    [membership] = stripe_row.memberships
    session = factories.checkout(
        membership.subscription_id, stripe_row.stripe_customer_id, clerk_row.clerk_user_id
    )
    return factories.stripe_event("checkout.session.completed", session, at=world.clock.now())


@pytest.mark.parametrize("after", ["load", "update"])
def test_platform_may_delete_a_row_meanwhile(world, after):
    """A user who vanishes from the platform in the middle of a run leaves nothing hanging."""
    ids = world.receive(*world.join())
    world.load(ids, "run_x")
    if after == "update":
        world.update("run_x")
    world.query("DELETE FROM public.memberships RETURNING 1")
    world.query("DELETE FROM public.users RETURNING 1")

    if after == "load":
        world.update("run_x")
    world.welcome("run_x")
    world.record("run_x")

    assert set(world.rows(ids)) == PROCESSED
    assert (world.steps(), world.welcomes()) == (["refused"], [])
    world.run(*world.act("cancel_at_period_end", email="ada@example.org"))
    assert world.member().memberships[0].cancel_at_period_end


def test_addresses_stay_where_they_belong(world, capsys):
    """No e-mail address in logs, reasons, steps, runs or the audit log, whatever goes wrong."""
    world.sandbox.act("mailchimp_address", email="eve@example.org", becomes="forgotten")
    bad = world.join("mallory@example.invalid")
    broken = factories.stripe_event(
        "customer.updated", {**factories.customer(), "name": ["ada@example.org"]}
    )

    world.run(broken, *bad, *world.join("eve@example.org"), *world.join())

    said = capsys.readouterr()
    kept = [
        *world.query("SELECT reason FROM ops.inbox"),
        *world.query("SELECT * FROM ops.run_members"),
        *world.query("SELECT * FROM ops.steps"),
        *world.query("SELECT * FROM ops.audit_log"),
        *world.query("SELECT * FROM ops.objects"),
    ]
    assert "member.failed" in said.out
    assert [text for text in (said.out, said.err, str(kept)) if "@" in text] == []


def test_unreadable_row_is_dead_and_alone(world):
    """A row that cannot be read waits for a person; its neighbours go on."""
    bad = factories.stripe_event("customer.subscription.updated", {"id": "sub_x"})
    ids = world.receive(bad, *world.join())

    world.run_rows(ids)

    first, *others = world.store.inbox.rows(ids)
    assert (first.state, first.reason.startswith("cannot be read")) == (InboxState.DEAD, True)
    assert {row.state for row in others} == PROCESSED


@pytest.mark.parametrize(
    "event",
    [
        factories.stripe_event("customer.subscription.updated", factories.subscription()),
        factories.stripe_event("checkout.session.completed", factories.checkout()),
        factories.stripe_event("checkout.session.completed", factories.checkout(None)),
        factories.stripe_event("invoice.paid", factories.invoice(None)),
        factories.stripe_event("customer.deleted", factories.customer()),
        factories.clerk_event("user.deleted", factories.user()),
    ],
    ids=[
        "unknown customer",
        "unknown subscription",
        "payment",
        "no subscription",
        "gone",
        "no user",
    ],
)
def test_row_about_nobody_is_ignored(world, event):
    """What is about nobody ends with its reason, makes no member, and is not tried for ever."""
    [row_id] = world.receive(event)

    world.run_rows([row_id])

    [row] = world.store.inbox.rows([row_id])
    assert (row.state, bool(row.reason)) == (InboxState.IGNORED, True)
    assert world.members() == []
    assert world.sandbox.count("mailchimp") == 0


def test_next_run_tells_what_a_lost_one_did(world):
    """A run makes the contact and dies before its record: the audit log has the change from the run after it."""
    ids = world.receive(*world.join())
    claim = world.store.dispatches.claim(
        "mailchimp_sync", now=world.clock.now(), max_in_flight=9, batch_size=500, member_limit=100
    )
    world.load(ids, claim.dag_run_id)
    world.update(claim.dag_run_id)
    world.store.dispatches.started(claim.dag_run_id, now=world.clock.now())
    world.store.dispatches.mark_lost(claim.dag_run_id, reason="killed", now=world.clock.now())

    world.run_rows(ids)
    world.run_rows(ids)

    [told] = world.query("SELECT before, after FROM ops.audit_log")
    assert told["before"] is None
    assert told["after"]["contact"]["tags"] == ["active", "pro"]
    assert world.contact()["tags"] == {"active", "pro"}


def test_two_vendors_spellings_are_one_person(world):
    """Stripe was told another spelling of the address that Clerk has verified: one member, not two."""
    customer = factories.customer("cus_b", email=" Ada@BÜCHER.example ")
    user = factories.user("user_b", email="ada@xn--bcher-kva.example")
    paid = factories.subscription("sub_b", "cus_b")
    now = world.clock.now()
    world.run(
        factories.stripe_event("customer.updated", customer, at=now),
        factories.stripe_event("customer.subscription.created", paid, at=now),
    )

    world.run(factories.clerk_event("user.created", user, at=now))

    assert world.member().email == "ada@xn--bcher-kva.example"
