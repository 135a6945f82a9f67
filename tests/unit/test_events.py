"""Vendor payload → typed event: the vendors' own samples, both shapes of Stripe, hostile input."""

import copy
from datetime import timedelta

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.errors import PayloadError
from include.events import (
    PARSERS,
    Checkout,
    CustomerSnapshot,
    Event,
    Invoice,
    MoneyMoved,
    Named,
    ObjectKind,
    Reread,
    SubscriptionSnapshot,
    SubscriptionStatus,
    UserSnapshot,
    event_from,
)
from include.events.reading import Node
from include.events.stripe import due_since, subscription_from
from include.membership.identity import account_named_by
from include.membership.policy import shipped
from tests import contracts, factories
from tests.factories import NEW_SHAPE, NOW, OLD_SHAPE, PERIOD_END, as_body

SUBJECTS = {
    "subscription": SubscriptionSnapshot,
    "customer": CustomerSnapshot,
    "checkout.session": Checkout,
    "invoice": Invoice,
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)
SAMPLES = [
    ("stripe", factories.stripe_event("customer.subscription.updated", factories.subscription())),
    ("stripe", factories.stripe_event("invoice.paid", factories.invoice())),
    ("stripe", factories.stripe_event("customer.updated", factories.customer())),
    ("stripe", factories.stripe_event("checkout.session.completed", factories.checkout())),
    ("clerk", factories.clerk_event("user.updated", factories.user())),
]


def parse(event, provider="stripe"):
    """Read an event as the job does."""
    return event_from(provider=provider, event_id="evt_1", body=as_body(event))


@pytest.mark.parametrize("path", contracts.examples("stripe/events/*.json"), ids=contracts.name_of)
def test_stripes_samples_are_read(path):
    """Each of the sample events of Stripe becomes the type that its object is."""
    sample = contracts.load(path)

    event = parse(sample)

    assert isinstance(event.subject, SUBJECTS[sample["data"]["object"]["object"]])
    assert event.type == sample["type"]
    assert event.occurred_at.timestamp() == sample["created"]


@pytest.mark.parametrize("path", contracts.examples("clerk/*.json"), ids=contracts.name_of)
def test_clerks_samples_are_read(path):
    """Each of the sample events of Clerk becomes a user; the deleted one says so."""
    sample = contracts.load(path)

    event = parse(sample, "clerk")

    assert isinstance(event.subject, UserSnapshot)
    assert event.subject.id == sample["data"]["id"]
    assert event.subject.deleted == (sample["type"] == "user.deleted")


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_period_end_is_read_in_both_shapes(shape):
    """The period moved from the subscription to its items; both are read."""
    event = parse(
        factories.stripe_event("customer.subscription.updated", factories.subscription(shape=shape))
    )

    assert event.subject.current_period_end == PERIOD_END


def test_latest_period_of_the_items_counts():
    """Items may be billed at different times: the membership lasts as long as the longest."""
    subject = factories.subscription()
    late = {**subject["items"]["data"][0], "current_period_end": int(PERIOD_END.timestamp()) + 9}
    subject["items"]["data"].append(late)

    event = parse(factories.stripe_event("customer.subscription.updated", subject))

    assert event.subject.current_period_end == PERIOD_END + timedelta(seconds=9)


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_invoices_subscription_is_read_in_both_shapes(shape):
    """The subscription moved from the invoice to its parent; both are read."""
    event = parse(factories.stripe_event("invoice.paid", factories.invoice("sub_7", shape=shape)))

    assert event.subject == Invoice(id="in_1", customer_id="cus_1", subscription_id="sub_7")


@pytest.mark.parametrize(
    ("price", "tier"),
    [
        ({"metadata": {"tier": " Leader "}, "lookup_key": "pro"}, "leader"),
        ({"product": {"id": "prod_1", "metadata": {"tier": "pro"}}, "nickname": "x"}, "pro"),
        ({"lookup_key": "community", "nickname": "x"}, "community"),
        ({"nickname": "Pro, monthly"}, "pro, monthly"),
        ({"product": "prod_1"}, ""),
    ],
    ids=["metadata", "product", "lookup_key", "nickname", "nothing"],
)
def test_tier_is_what_the_price_says_first(price, tier):
    """A price's own metadata, its product's, its lookup key, its nickname: the first that is there."""
    subject = factories.subscription()
    subject["items"]["data"][0]["price"] = price

    event = parse(factories.stripe_event("customer.subscription.updated", subject))

    assert event.subject.items[0].tier == tier


def test_expanded_customer_is_its_id():
    """Stripe sends another object bare or expanded; either way it is one customer."""
    subject = factories.subscription(customer={"id": "cus_7", "object": "customer"})

    event = parse(factories.stripe_event("customer.subscription.updated", subject))

    assert event.subject.customer_id == "cus_7"


def test_deleted_customer_has_no_data_left():
    """`customer.deleted` still carries the address: it must not come back through it."""
    event = parse(factories.stripe_event("customer.deleted", factories.customer()))

    assert event.subject == CustomerSnapshot(id="cus_1", email=None, name="", deleted=True)


@pytest.mark.parametrize(("reference", "user_id"), [("user_1", "user_1"), ("order-7", None)])
def test_only_a_clerk_id_links_a_checkout(reference, user_id):
    """`client_reference_id` may be anything a payment link says; only a Clerk id means a user."""
    subject = factories.checkout(client_reference_id=reference)

    event = parse(factories.stripe_event("checkout.session.completed", subject))

    assert account_named_by(event.subject, shipped()) == user_id


def test_unverified_address_is_none():
    """Only an address that Clerk has verified may find or move a member."""
    event = parse(factories.clerk_event("user.updated", factories.user(verified=False)), "clerk")

    assert event.subject.email is None


def test_clerks_user_is_dated_to_the_millisecond():
    """Clerk dates its users in milliseconds: two changes in one second keep their order."""
    later = NOW + timedelta(milliseconds=7)

    event = parse(factories.clerk_event("user.updated", factories.user(), at=later), "clerk")

    assert event.occurred_at == later


DAYS = 86_400


@pytest.mark.parametrize(
    ("asked", "ends", "changes", "is_fixed"),
    [
        (0, 365, {}, True),
        (0, 365, {"start_date": -400 * DAYS}, True),
        (20, 30, {}, True),
        (600, 365, {}, True),
        (600, 30, {}, False),
        (5 * DAYS, 365, {}, False),
        (0, 365, {"cancel_at_period_end": True}, False),
        (0, None, {}, False),
    ],
    ids=[
        "with the beginning",
        "the beginning is backdated",
        "one period, set right after a checkout",
        "set by a script on the first day",
        "she leaves on her first day",
        "she leaves later",
        "she leaves at once",
        "no end",
    ],
)
def test_end_that_was_agreed_with_the_beginning_is_told_apart(asked, ends, changes, is_fixed):
    """A fixed term has its end from its first day; who asks to leave on it leaves with the period."""
    created = factories.seconds(NOW)
    subject = factories.subscription(
        created=created,
        canceled_at=created + asked,
        cancel_at=ends and created + ends * DAYS,
        **{"start_date": created, **_from(created, changes)},
    )

    assert subscription_from(Node(subject)).is_fixed_term is is_fixed


def _from(created, changes):
    """Return changes with their times counted from the beginning."""
    return {
        name: value if isinstance(value, bool) else created + value
        for name, value in changes.items()
    }


@pytest.mark.parametrize(("due", "since"), [(None, 0), (30 * DAYS, 30 * DAYS)])
def test_money_is_owed_from_the_due_date_of_an_invoice_that_was_sent(due, since):
    """The grace is counted from then, not from the day on which the invoice was written."""
    created = factories.seconds(NOW)
    owed = {
        **factories.invoice(),
        "status": "open",
        "created": created,
        "due_date": due and created + due,
        "status_transitions": {"finalized_at": created},
    }

    assert due_since(Node(owed)) == NOW + timedelta(seconds=since)


def test_unknown_status_is_not_guessed():
    """A status that Stripe may add one day means a person has to look."""
    subject = factories.subscription(status="hibernating")

    with pytest.raises(PayloadError, match=r"data\.object\.status"):
        parse(factories.stripe_event("customer.subscription.updated", subject))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b'"x"',
        b"null",
        b"{}",
        b'{"type": "user.created"}',
        b'{"type": "user.created", "data": []}',
        b'{"type": "user.created", "data": {"id": ""}, "timestamp": 1}',
        b'{"type": "user.created", "data": {"id": "a\\u0000b"}, "timestamp": 1}',
        b'{"type": "user.created", "data": {"id": "\\ud800"}, "timestamp": 1}',
        b'{"type": "user.created", "data": {"id": "a"}, "timestamp": true}',
        b'{"type": "user.created", "data": {"id": "a"}, "timestamp": -1}',
        b'{"type": "user.created", "data": {"id": "a"}, "timestamp": 1e300}',
        b'{"type": "user.created", "data": {"id": "a"}, "timestamp": 99999999999999999999}',
        b'{"type": "user.created", "data": {"id": "a"}}',
        b'{"type": "no.such"}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"type": NaN}',
    ],
)
def test_every_malformed_body_is_a_payload_error(body):
    """Whatever is signed and cannot be read is our error, never one of Python's."""
    with pytest.raises(PayloadError):
        event_from(provider="clerk", event_id="evt_1", body=body)


@given(st.sampled_from(["stripe", "clerk", "nobody"]), st.binary(max_size=200))
@example("stripe", b'{"type":"invoice.paid","created":1,"data":{"object":{"parent":3}}}')
def test_any_bytes_are_read_or_refused(provider, body):
    """No bytes lead to anything but an event or our error."""
    assert_read_or_refused(provider, body)


@given(st.sampled_from(SAMPLES), st.data())
def test_any_damage_is_read_or_refused(sample, data):
    """A real event with any of its values replaced by any other leads to nothing else either."""
    provider, event = sample
    damaged = copy.deepcopy(event)
    holder, key = data.draw(st.sampled_from(list(places(damaged))))
    holder[key] = data.draw(JSON)

    assert_read_or_refused(provider, orjson.dumps(damaged))


def assert_read_or_refused(provider, body):
    """Read; a refusal must not quote what it refused."""
    refusal, event = None, None
    try:
        event = event_from(provider=provider, event_id="evt_1", body=body)
    except PayloadError as error:
        refusal = str(error)

    assert isinstance(event, Event) or "@" not in refusal


def places(value):
    """Return every place of a JSON value as its container and key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@pytest.mark.parametrize(
    ("kind", "thing", "subject"),
    [
        ("customer.updated", "customer", Reread(kind=ObjectKind.CUSTOMER, id="x_1")),
        (
            "customer.subscription.paused",
            "subscription",
            Reread(kind=ObjectKind.SUBSCRIPTION, id="x_1"),
        ),
        ("charge.refunded", "charge", MoneyMoved(charge_id="x_1")),
        ("invoice.paid", "invoice", Named(kind="invoice", id="x_1")),
        ("refund.failed", "refund", Named(kind="refund", id="x_1")),
        ("charge.dispute.closed", "dispute", Named(kind="dispute", id="x_1")),
        (
            "checkout.session.completed",
            "checkout.session",
            Named(kind="checkout.session", id="x_1"),
        ),
    ],
)
def test_thin_event_names_its_object(kind, thing, subject):
    """Under the snapshot's type; when it happened is written in words."""
    event = parse(factories.thin_event(kind, thing, "x_1"))

    assert (event.type, event.subject, event.occurred_at) == (kind, subject, NOW)


@pytest.mark.parametrize(
    "broken",
    [
        {"created": None},
        {"created": "yesterday"},
        {"created": "2026-03-01T12:00:00"},
        {"created": 1772366400},
        {"related_object": None},
        {"related_object": {"id": "po_1", "type": "payout"}},
        {"related_object": {"id": "", "type": "invoice"}},
        {"type": "v1.payout.paid"},
    ],
    ids=repr,
)
def test_thin_event_that_is_not_as_described_is_refused(broken):
    """No time, a time without its zone, no object, or one that such an event is never about."""
    with pytest.raises(PayloadError):
        parse({**factories.thin_event("invoice.paid", "invoice", "in_1"), **broken})


def test_account_pays_where_no_customer_does():
    """Accounts v2: `customer` is null, and `customer_account` says who it is."""
    changes = {"customer": None, "customer_account": "acct_1"}
    told = {
        "customer.subscription.updated": factories.subscription(**changes),
        "invoice.paid": {**factories.invoice(), **changes},
        "checkout.session.completed": {**factories.checkout(), **changes},
    }
    for kind, thing in told.items():
        assert parse(factories.stripe_event(kind, thing)).subject.customer_id == "acct_1"
    with pytest.raises(PayloadError, match="customer"):
        parse(
            factories.stripe_event(
                "customer.subscription.updated",
                factories.subscription(customer=None, customer_account=None),
            )
        )


def test_every_type_has_one_parser():
    """What the routing table sends to the job can be read; canceled and expired are final."""
    from include.routing import ROUTES

    routed = {
        (provider, kind) for provider, table in ROUTES.items() for kind, r in table.items() if r.job
    }
    final = {status for status in SubscriptionStatus if status.is_final}

    assert routed
    assert all(kind in PARSERS[provider] for provider, kind in routed)
    assert final == {SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED}
