"""The sync's steps by themselves: what rows are about, and what the newest states make of members."""

import orjson

from include.errors import VendorUnavailableError
from include.events import event_from
from include.events.rereads import ObjectKind
from include.jobs.mailchimp_sync.apply import apply_updates
from include.jobs.mailchimp_sync.collect import Arrived, collect
from include.membership.identity_map import IdentityMap
from include.membership.policy import shipped
from tests import factories
from tests.factories import NOW


def rows(*events):
    """Read events as the rows of a chunk."""
    found = []
    for number, event in enumerate(events):
        provider = "stripe" if "livemode" in event else "clerk"
        read = event_from(provider=provider, event_id=f"evt_{number}", body=orjson.dumps(event))
        found.append(Arrived(number, provider, "live", read, was_loaded=False))
    return found


def told(*events):
    """Collect events, and take each object's last state for its newest."""
    updates = collect(rows(*events), shipped())
    for update in updates:
        if update.reports:
            update.snapshot, update.as_of = update.reports[-1].snapshot, NOW
    return updates


def applied(updates, asked=None):
    """Apply updates to nobody known; return the living members."""
    identity_map = IdentityMap(NOW, shipped())
    apply_updates(updates, identity_map, policy=shipped(), ask=(asked or []).extend)
    return list(identity_map.members.values())


PAID = factories.stripe_event(
    "customer.subscription.created", factories.subscription("sub_1", "cus_1")
)
CUSTOMER = factories.stripe_event("customer.created", factories.customer("cus_1"))
USER = factories.clerk_event("user.created", factories.user("user_1"))


def test_events_of_one_object_are_one_case():
    """Twice told, two reports; the rows know which update is theirs."""
    updates = collect(rows(PAID, PAID, USER), shipped())

    assert [(update.kind, len(update.reports)) for update in updates] == [
        (ObjectKind.SUBSCRIPTION, 2),
        (ObjectKind.USER, 1),
    ]
    assert updates.rows[0][1] is updates.rows[1][1]


def test_account_that_a_checkout_names_matters_too():
    """Nobody has told of her yet: her update has no report."""
    checkout = factories.checkout("sub_1", "cus_1", client_reference_id="user_1")
    event = factories.stripe_event("checkout.session.completed", checkout)

    updates = collect(rows(event), shipped())

    assert {update.kind for update in updates} == {ObjectKind.SUBSCRIPTION, ObjectKind.USER}
    assert [len(update.reports) for update in updates if update.kind is ObjectKind.USER] == [0]


def test_who_she_is_comes_before_what_she_has():
    """The order of the rows does not matter."""
    for order in ((PAID, CUSTOMER, USER), (USER, PAID, CUSTOMER)):
        [member] = applied(told(*order))

        assert [one.subscription_id for one in member.memberships] == ["sub_1"]
        assert (member.clerk_user_id, member.stripe_customer_id) == ("user_1", "cus_1")


def test_subscription_waits_for_a_customer_who_cannot_be_asked_about():
    """It is the customer's failure, and becomes its own."""
    updates = told(PAID, CUSTOMER)
    down = VendorUnavailableError("Stripe does not answer")
    [customer] = [update for update in updates if update.kind is ObjectKind.CUSTOMER]
    customer.problem = down

    assert applied(updates) == []
    assert {update.problem for update in updates} == {down}
