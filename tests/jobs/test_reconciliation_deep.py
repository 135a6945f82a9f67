"""The deep checks: vendors' own lists and states beside our tables, repaired through the normal job."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from include.clock import FixedClock
from include.jobs.reconciliation import steps as job
from include.store.inbox import InboxState, Receipt
from tests.jobs.night import RUN, Night

ADA, GRACE = "ada@example.org", "grace@example.org"


@pytest.fixture
def night(world):
    """Give a night over an empty world."""
    return Night(world)


def settled(night, email=ADA, **details):
    """Let somebody join, and everything be told and done."""
    night.world.run(*night.world.join(email=email, **details))


def test_nothing_is_found_where_all_agree(night):
    """A member as everybody has her: no event is missing, nothing differs, nothing is called."""
    settled(night)
    night.world.receive(*night.world.events())
    night.work_off()
    writes = night.world.writes()

    assert night.compare() == {}
    assert night.world.writes() == writes
    looked_at = {
        name: finding.looked_at
        for name, finding in night.store.reconciliations.get(RUN).findings.items()
    }
    assert looked_at["stripe_state"] == 2  # her customer, her subscription
    assert (looked_at["clerk_state"], looked_at["contacts"]) == (1, 1)


def test_outage_of_four_days_is_made_up_for(night):
    """G8: Stripe has given up on all of them; the events are read from its list, the members from both vendors."""
    for number in range(12):
        night.world.join(email=f"member_{number}@example.org")

    found = night.compare()
    night.work_off()

    assert found["missed_events"].found == found["missed_events"].repaired > 12
    assert len(night.world.members()) == 12
    assert all(
        night.world.contact(f"member_{number}@example.org")["tags"] == {"active", "pro"}
        for number in range(12)
    )
    night.clock.advance(timedelta(hours=1))
    again = night.compare(run="again", most_percent=100)
    night.work_off()
    assert "missed_events" not in again
    assert night.compare(run="then") == {}


def test_restored_backup_is_made_up_for(night):
    """G7: the last minutes are gone from our tables; the vendors still know."""
    settled(night)
    night.world.join(email=GRACE)  # all of her is lost with the backup

    night.compare(most_percent=100)
    night.work_off()

    assert {member.email for member in night.world.members()} == {ADA, GRACE}
    assert night.world.contact(GRACE)["tags"] == {"active", "pro"}
    assert sorted(night.world.welcomes()) == [ADA, GRACE]


def test_event_that_is_still_on_its_way_is_not_filled_in(night):
    """Stripe is delivering it just now: the webhook comes by itself."""
    night.clock = FixedClock(datetime.now(UTC))
    night.world.join()

    assert "missed_events" not in night.compare(most_percent=0)


def test_webhook_that_comes_after_all_is_a_duplicate_and_brings_its_bytes(night):
    """What was filled in is no conflict with what Stripe delivers later; the row then has the delivered bytes."""
    night.world.join()
    night.compare(dry_run=False)
    [told, *_] = night.world.events("customer.subscription.created")
    [row] = night.store.inbox.by_event_id(told["id"])
    assert row.headers == {"filled-by": "reconciliation"}
    delivered = orjson.dumps(told["payload"], option=orjson.OPT_INDENT_2)

    receipts = [deliver(night, row, delivered) for _ in range(2)]
    other = deliver(night, row, delivered + b" ")

    assert receipts == [Receipt.DUPLICATE] * 2
    assert other is Receipt.CONFLICT
    [kept] = night.store.inbox.by_event_id(told["id"])
    assert (kept.id, kept.body, kept.headers) == (row.id, delivered, {"stripe-signature": "t=1"})


def deliver(night, row, body):
    """Store an event as the relay does, with these bytes."""
    from hashlib import sha256

    from include.store.arrivals import stripe_envelope
    from include.store.inbox import Arrival

    arrival = Arrival(
        provider="stripe",
        received_at=night.clock.now(),
        headers='{"stripe-signature": "t=1"}',
        body=body,
        body_sha256=sha256(body).digest(),
        **stripe_envelope(orjson.loads(body)),
    )
    return night.store.inbox.receive([arrival])[0]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("UPDATE public.memberships SET status = 'past_due'", "stripe_state"),
        ("UPDATE public.memberships SET tier = 'other'", "stripe_state"),
        ("UPDATE public.memberships SET cancel_at_period_end = true", "stripe_state"),
        ("UPDATE public.users SET first_name = 'Eve'", "clerk_state"),
        ("UPDATE public.users SET email = 'eve@example.org'", "clerk_state"),
    ],
)
def test_platform_that_differs_is_put_right_by_the_normal_job(night, change, check):
    """The object is read again: the row comes through the inbox, and the next night finds nothing."""
    settled(night)
    before = night.world.member()
    night.world.receive(*night.world.events())
    night.work_off()
    night.store.connection.execute(change)

    found = night.compare()
    assert found[check].repaired == 1
    night.work_off()

    after = night.world.member()
    assert (after.first_name, after.email, after.memberships) == (
        before.first_name,
        before.email,
        before.memberships,
    )
    assert night.compare(run="next") == {}


def test_row_names_no_customer_whom_stripe_does_not_know(night):
    """Filled by earlier rules with an id that is gone: the row names the customer of what counts."""
    settled(night)
    before = night.world.member()
    night.world.query("UPDATE public.users SET stripe_customer_id = 'cus_gone' RETURNING 1")

    night.compare()
    night.work_off()

    assert night.world.member() == before
    assert "stripe_state" not in night.compare(run="next")


def test_row_names_no_customer_who_was_deleted_long_ago(night):
    """So long that Stripe lists no event of it any more: the row names nobody."""
    settled(night)
    night.world.sandbox.act("delete_customer", email=ADA)
    no_events = {"object": "list", "data": [], "has_more": False, "url": "/v1/events"}
    night.world.sandbox.fault("stripe", "status", status=200, body=no_events, path="/v1/events*")

    night.compare()
    night.work_off()

    assert night.world.member().stripe_customer_id is None
    assert "stripe_state" not in night.compare(run="next")


def test_missed_change_at_clerk_is_found(night):
    """Clerk has no list of events: its users are compared instead."""
    settled(night)
    night.world.act("update_member", email=ADA, last_name="King")  # no webhook came of it

    night.compare(most_percent=100)
    night.work_off()

    assert night.world.member().last_name == "King"
    assert night.world.contact()["LNAME"] == "King"


def test_test_event_does_not_keep_the_night_from_repairing(night):
    """Somebody tried the checkout in Stripe's test mode last: what differs is read again in our own mode."""
    world = night.world
    world.sandbox.ask("PATCH", "settings", json={"stripe_livemode": True})
    world.stripe.is_live, world.mode = True, "live"
    settled(night)
    world.query("UPDATE public.memberships SET status = 'past_due' RETURNING 1")
    world.mode = "test"
    tried = world.act("subscribe", email=GRACE, prices=["price_pro_month"], in_test_mode=True)
    world.run(*tried)

    night.compare()
    night.work_off()

    assert tried
    assert [str(one.status) for one in world.member().memberships] == ["active"]


def test_deleted_account_is_found(night):
    """She is gone at Clerk, and nobody told us."""
    settled(night)
    night.world.act("delete_user", email=ADA)

    night.compare(most_percent=100)
    night.work_off()

    assert night.world.members() == []


@pytest.mark.parametrize("lost", ["tags", "name", "contact"])
def test_contact_that_differs_is_put_right(night, lost):
    """A person has changed or deleted something at Mailchimp by hand."""
    settled(night)
    night.world.receive(*night.world.events())
    night.work_off()
    before = night.world.contact()
    spoil(night.world, lost)
    assert night.world.contact() != before

    found = night.compare()
    night.work_off()

    assert (found["contacts"].found, found["contacts"].repaired) == (1, 1)
    assert night.world.contact() == before
    assert night.world.welcomes() == [ADA]
    assert night.compare(run="next") == {}


def spoil(world, lost):
    """Change a contact at Mailchimp behind our back."""
    if lost == "tags":
        world.mailchimp.set_tags(ADA, {"active": False, "vip": True})
        world.mailchimp.set_tags(ADA, {"vip": False})
    elif lost == "name":
        from include.vendors.mailchimp.client import ContactFields

        fields = {"FNAME": "Eve", "LNAME": "Lovelace", "TIER": "pro"}
        world.mailchimp.upsert_member(
            ContactFields(email=ADA, merge_fields=fields, status_if_new="subscribed")
        )
    else:
        from include.vendors.mailchimp.client import subscriber_hash

        world.mailchimp.archive_member(subscriber_hash(ADA))


def test_who_unsubscribed_herself_is_written_down_and_left_alone(night):
    """That is hers to undo: nothing is called, and she is not found again."""
    from include.vendors.mailchimp.client import ContactFields

    settled(night)
    night.world.receive(*night.world.events())
    night.work_off()
    fields = {"FNAME": "Ada", "LNAME": "Lovelace", "TIER": "pro"}
    gone = ContactFields(
        email=ADA, merge_fields=fields, status_if_new="subscribed", status="unsubscribed"
    )
    night.world.mailchimp.upsert_member(gone)
    writes = night.world.writes()

    assert night.compare() == {}
    assert night.store.reconciliations.get(RUN).findings["contacts"].note == (
        "1 have unsubscribed themselves or bounced"
    )
    assert night.waiting() == []
    assert night.world.member().contact.status == "compliance"
    assert night.world.writes() == writes


def test_share_is_of_all_that_was_compared(night):
    """Stripe knows nobody of ours any more: all differ, and not twelve of none."""
    for number in range(12):
        settled(night, email=f"member_{number}@example.org")
    night.world.receive(*night.world.events())
    night.work_off()
    empty = {"object": "list", "data": [], "has_more": False, "url": "/v1/subscriptions"}
    night.world.sandbox.fault("stripe", "status", status=200, body=empty, path="/v1/subscriptions*")

    found = night.compare()

    share = found["stripe_state"].stopped
    assert share == "12 of 24 differ (50.0 %, allowed are 5 %)"


def test_too_many_differences_are_left_to_a_person(night):
    """Over the share nothing is put right: a wrong key or a wrong backup would be copied over everything."""
    for number in range(12):
        settled(night, email=f"member_{number}@example.org")
    night.world.receive(*night.world.events())
    night.work_off()
    night.store.connection.execute("UPDATE public.memberships SET status = 'past_due'")

    found = night.compare()

    assert found["stripe_state"].stopped == "12 of 24 differ (50.0 %, allowed are 5 %)"
    assert (found["stripe_state"].repaired, night.waiting()) == (0, [])
    outcome = job.close(dag_run_id=RUN, store=night.store, clock=night.clock)
    assert "stripe_state: 12 of 24 differ" in outcome.problem
    assert night.compare(run="by_hand", most_percent=100)["stripe_state"].repaired == 12


def test_dry_run_changes_nothing(night):
    """A person looks first."""
    night.world.join()

    found = night.compare(dry_run=True)

    assert found["missed_events"].found > 0
    assert {finding.repaired for finding in found.values()} == {0}
    assert night.world.query("SELECT count(*) AS n FROM ops.inbox") == [{"n": 0}]


def test_members_whose_events_are_under_way_are_left_out(night):
    """Their state is about to change: what differs now is no difference."""
    settled(night)
    night.world.receive(*night.world.events())
    night.work_off()
    changed = night.world.act("update_member", email=ADA, tier="leader")
    night.world.receive(*changed)
    night.store.connection.execute(
        "UPDATE ops.inbox SET member_key = 'stripe:' || (SELECT stripe_customer_id FROM public.users)"
        " WHERE state = 'waiting'"
    )

    assert "stripe_state" not in night.compare()


def test_cleared_run_makes_no_row_twice(night):
    """One row per run and object, whatever is cleared."""
    settled(night)
    night.world.receive(*night.world.events())
    night.work_off()
    night.store.connection.execute("UPDATE public.memberships SET status = 'past_due'")
    night.compare()
    night.store.connection.execute("UPDATE ops.inbox SET member_key = NULL")  # nobody is busy

    assert night.compare()["stripe_state"].found == 1

    asked = "SELECT state FROM ops.inbox WHERE type = 'reconciliation.subscription'"
    assert night.world.query(asked) == [{"state": InboxState.WAITING}]


def test_all_pages_of_all_vendors_are_read(night):
    """Stripe shows a hundred at a time, Clerk five hundred: whoever is on a later page is found too."""
    night.world.sandbox.ask("POST", "seed", json={"members": 510})

    found = night.compare(most_percent=100)

    findings = night.store.reconciliations.get(RUN).findings
    assert findings["stripe_state"].looked_at == 2 * 510
    assert findings["clerk_state"].looked_at == 510
    assert (found["stripe_state"].found, found["clerk_state"].found) == (510, 510)
