"""From a verified body to a row: one outcome for each hostile shape, and no exception but ours."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.relay.envelope import arrival_from
from include.relay.refusal import RefusalError
from include.store.inbox import InboxState
from tests import factories

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CLERK_HEADERS = {"svix-id": "msg_1"}


def arrive(body, *, provider="stripe", headers=CLERK_HEADERS):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return arrival_from(provider, raw, headers, now=NOW, clerk_mode="test")


def event(**changes):
    values = {
        "id": "evt_1",
        "type": "customer.updated",
        "created": 1_700_000_000,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": {"object": "customer", "id": "cus_1"}},
    }
    return {key: value for key, value in {**values, **changes}.items() if value is not ...}


def test_a_stripe_event_is_read():
    """What tells it apart, when it happened, whom it is about, what it leads to."""
    arrival = arrive(event())

    assert (arrival.event_id, arrival.type, arrival.mode) == ("evt_1", "customer.updated", "test")
    assert (arrival.job, arrival.state, arrival.reason) == (
        "mailchimp_sync",
        InboxState.WAITING,
        None,
    )
    assert arrival.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (arrival.api_version, arrival.member_key) == ("2026-10-28.endive", "stripe:cus_1")


def test_a_clerk_event_is_read():
    """Its id is the message's, its time is in milliseconds, its mode is the instance's."""
    body = {"type": "user.created", "timestamp": 1_700_000_000_500, "data": {"id": "user_1"}}

    arrival = arrive(body, provider="clerk")

    assert (arrival.event_id, arrival.type, arrival.mode) == ("msg_1", "user.created", "test")
    assert arrival.created_at == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    assert (arrival.member_key, arrival.job) == ("clerk:user_1", "mailchimp_sync")


def test_the_raw_body_is_kept():
    """A6: not one byte is changed, and the hash is of these bytes."""
    body = b'{"id":"evt_1",  "x": "\\u00e9\xc3\xa9"}\n'

    arrival = arrive(body)

    assert arrival.body == body
    assert arrival.body_sha256 == hashlib.sha256(body).digest()


def test_headers_that_matter_are_kept():
    """Enough to verify again; no cookies, no addresses."""
    headers = {"stripe-signature": "t=1,v1=ab", "cookie": "x", "x-forwarded-for": "1.2.3.4"}

    assert json.loads(arrive(event(), headers=headers).headers) == {"stripe-signature": "t=1,v1=ab"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        b'{"id": "evt_1", "x": NaN}',
        b'{"id": "evt_1", "x": -Infinity}',
        b'{"id": "evt_1", "x": 1e999}',
        b'{"id": "evt_1", "x": "\\ud800"}',
        b'{"id": "evt_1", "x": "\x00"}',
        b'{"id": "evt_1", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'["evt_1"]',
        b'"evt_1"',
        b"null",
        b"1",
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("provider", ["stripe", "clerk"])
def test_signed_but_unreadable_is_dead(body, provider):
    """A7 and A9: a person looks at it; its bytes are its id, so it comes once."""
    arrival = arrive(body, provider=provider)

    assert arrival.state == InboxState.DEAD
    assert arrival.event_id == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert arrival.job is None
    assert arrival.reason


@pytest.mark.parametrize(
    "event_id",
    [..., None, "", 7, 10**30, [], {}, True, "x" * 256, "a\0b", "a\nb", "\u202eevt"],
    ids=lambda value: repr(value)[:12],
)
def test_unusable_stripe_id_is_refused(event_id):
    """A14: never stored, so never shared by several events."""
    with pytest.raises(RefusalError) as refusal:
        arrive(event(id=event_id))

    assert refusal.value.status == 400


@pytest.mark.parametrize("event_type", [..., None, "", 7, [], "x" * 256, "a\0b"], ids=repr)
def test_unusable_type_is_ignored_with_the_reason(event_type):
    """An unexpected shape is kept for a person and starts nothing."""
    arrival = arrive(event(type=event_type))

    assert (arrival.state, arrival.type, arrival.job) == (InboxState.IGNORED, "", None)
    assert arrival.reason == "no usable type"


def test_unknown_type_is_ignored_with_the_reason():
    """A10: stored, countable by type, replayable."""
    arrival = arrive(event(type="payout.paid"))

    assert (arrival.state, arrival.type) == (InboxState.IGNORED, "payout.paid")
    assert arrival.reason == "no job for this type"


def test_unknown_api_version_is_handled_all_the_same():
    """A10: both shapes are read; the version is stored and can be counted."""
    arrival = arrive(event(api_version="2031-01-01.zinnia"))

    assert (arrival.state, arrival.api_version) == (InboxState.WAITING, "2031-01-01.zinnia")


@pytest.mark.parametrize(
    ("livemode", "mode"),
    [(False, "test"), (True, "live"), (..., "live"), ("false", "live"), (0, "live")],
)
def test_only_false_is_test_mode(livemode, mode):
    """A15: what is unclear is not taken for a test."""
    assert arrive(event(livemode=livemode)).mode == mode


@pytest.mark.parametrize(
    "created", [..., None, "1700000000", True, -1, 10**30, 1.5, 253_402_300_800], ids=repr
)
def test_unusable_time_is_left_out(created):
    assert arrive(event(created=created)).created_at is None


def test_of_a_doubled_key_the_last_counts():
    """A9: deterministic; the same as Python's own reader, which the jobs may use."""
    body = b'{"id": "evt_1", "id": "evt_2", "type": "customer.updated"}'

    assert arrive(body).event_id == "evt_2" == json.loads(body)["id"]


@pytest.mark.parametrize(
    ("thing", "key"),
    [
        ({"object": "subscription", "customer": "cus_1"}, "stripe:cus_1"),
        ({"object": "subscription", "customer": {"id": "cus_1"}}, "stripe:cus_1"),
        ({"object": "checkout.session", "customer": None}, None),
        ({"object": "checkout.session", "customer": {}}, None),
        ({"customer": "a\0b"}, None),
        ([], None),
        ("text", None),
        (None, None),
    ],
    ids=repr,
)
def test_members_are_told_apart(thing, key):
    """For the limit of runs per member, without asking a database."""
    assert arrive(event(data={"object": thing})).member_key == key


def test_account_pays_where_no_customer_does():
    """Accounts v2: `customer` is null, and `customer_account` says who it is."""
    thing = {"object": "subscription", "customer": None, "customer_account": "acct_1"}

    assert arrive(event(data={"object": thing})).member_key == "stripe:acct_1"


def test_thin_event_is_stored_and_routed_as_its_snapshot():
    """It has a time in words, no version, and the id of its object for the limit of runs per member."""
    thin = factories.thin_event("customer.subscription.updated", "subscription", "sub_1")

    arrival = arrive(json.dumps(thin).encode())

    assert (arrival.type, arrival.mode) == ("v1.customer.subscription.updated", "test")
    assert (arrival.job, arrival.state) == ("mailchimp_sync", InboxState.WAITING)
    assert (arrival.created_at, arrival.api_version) == (factories.NOW, None)
    assert arrival.member_key == "stripe:sub_1"


@pytest.mark.parametrize("related", [None, [], "cus_1", {}, {"id": 7}, {"id": "a\0b"}], ids=repr)
def test_thin_event_about_nothing_usable_is_stored_without_a_member(related):
    """The job says what is wrong with it."""
    thin = factories.thin_event("customer.updated", "customer", "cus_1", related_object=related)

    assert arrive(json.dumps(thin).encode()).member_key is None


def test_an_address_becomes_a_hash_whatever_its_case():
    """A guest's checkout has no customer: the key must not be the address itself."""
    keys = {
        arrive(event(data={"object": thing})).member_key
        for thing in (
            {"customer": None, "customer_details": {"email": "Ada@Example.org"}},
            {"customer_email": " ada@example.org "},
        )
    }

    [key] = keys
    assert key.startswith("email:")
    assert "ada" not in key


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(
    leaves, lambda children: st.lists(children) | st.dictionaries(st.text(), children), max_leaves=8
)
events = st.fixed_dictionaries(
    {},
    optional={
        key: json_values
        | st.dictionaries(st.sampled_from(["object", "id", "customer"]), json_values)
        for key in ("id", "type", "created", "livemode", "api_version", "data", "timestamp")
    },
)


@pytest.mark.parametrize("provider", ["stripe", "clerk"])
@given(body=st.binary(max_size=60) | events.map(json.dumps).map(str.encode))
def test_any_body_ends_in_a_row_that_postgres_takes_or_in_a_refusal(provider, body):
    """A9: no other exception, and every text fits its column."""
    try:
        arrival = arrive(body, provider=provider)
    except RefusalError:
        return

    assert 1 <= len(arrival.event_id) <= 255
    assert (arrival.state == InboxState.WAITING) == (arrival.job is not None)
    assert arrival.job or arrival.reason
    texts = (arrival.event_id, arrival.type, arrival.api_version, arrival.member_key)
    assert not any("\0" in text or not text.isprintable() for text in texts if text)
