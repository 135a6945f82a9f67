"""Clerk's signature (Svix's): the vendor's vectors, and what its package leaves open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svix.webhooks import Webhook

from include.errors import SignatureError
from include.relay.signatures.svix import SvixSignature
from tests.unit.relay.vectors import instant, vectors

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = 1_767_225_600
BODY = b'{"type": "user.created"}'


def sign(body=BODY, *, secret=SECRET, at=NOW, message_id="msg_1", prefix="svix"):
    signature = Webhook(secret).sign(message_id, instant(at), body.decode())
    return {
        f"{prefix}-id": message_id,
        f"{prefix}-timestamp": str(at),
        f"{prefix}-signature": signature,
    }


def is_accepted(headers, body=BODY, *, secrets=(SECRET,), now=NOW):
    try:
        SvixSignature(secrets, tolerance_seconds=300).verify(body, headers, now=instant(now))
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize("vector", vectors("svix"))
def test_vector_behaves_as_it_says(vector):
    """Every vector of the contracts; here we deviate from none."""
    accepted = is_accepted(
        vector["headers"], vector["body"].encode(), secrets=[vector["secret"]], now=vector["now"]
    )

    assert accepted == vector["valid"]


@pytest.mark.parametrize(("offset", "accepted"), [(299, True), (300, True), (301, False)])
@pytest.mark.parametrize("direction", [1, -1])
def test_tolerance_is_300_seconds_in_both_directions(offset, accepted, direction):
    """A4 and J5: a captured request is of no use five minutes later."""
    assert is_accepted(sign(), now=NOW + direction * offset) == accepted


def test_both_secrets_hold_while_one_is_rotated():
    """A5: during the overlap old and new are configured; afterwards the old one is refused."""
    old, new = sign(secret=OTHER_SECRET), sign()
    both = {**new, "svix-signature": f"{old['svix-signature']} {new['svix-signature']}"}

    assert all(is_accepted(headers, secrets=(SECRET, OTHER_SECRET)) for headers in (old, new))
    assert is_accepted(both)
    assert not is_accepted(old)


def test_garbage_beside_a_good_signature_does_no_harm():
    """The package raises ValueError here, and would refuse what the vendor signed."""
    headers = sign()
    headers["svix-signature"] = f"garbage {headers['svix-signature']}"

    assert is_accepted(headers)


def test_an_id_with_a_dot_is_refused():
    """`id.timestamp.body` was signed: with dots in the id, where the body starts would be open.

    Here a request that was signed with the id `msg_1` is sent again with a longer id and less body.
    """
    signed = b'{"a": ".1767225600."}'
    shifted = {**sign(signed), "svix-id": f'msg_1.{NOW}.{{"a": "'}

    assert is_accepted(sign(signed), signed)
    assert not is_accepted(shifted, b'"}')


@pytest.mark.parametrize("header", ["svix-id", "svix-timestamp", "svix-signature"])
@pytest.mark.parametrize(
    "value",
    ["", " ", "é", "v1", "v1,", "v1,?", "v2,AAAA", "1e9", "-1", "٣", "0" * 10_000],
    ids=lambda value: repr(value[:10]),
)
def test_malformed_header_is_refused(header, value):
    """A3: never anything but our error."""
    assert not is_accepted({**sign(), header: value})


@pytest.mark.parametrize("header", ["svix-id", "svix-timestamp", "svix-signature"])
def test_header_sent_twice_or_not_at_all_is_refused(header):
    """A3: doubled headers are joined before they come here, as HTTP says."""
    headers = sign()

    assert not is_accepted({**headers, header: f"{headers[header]},{headers[header]}"})
    assert not is_accepted({name: headers[name] for name in headers if name != header})


def test_the_standards_names_are_taken_too():
    """The same scheme under the names of the Standard Webhooks."""
    assert is_accepted(sign(prefix="webhook"))


@given(st.integers(0, len(BODY) * 8 - 1))
def test_one_changed_bit_is_refused(bit):
    """A2: any bit of the body."""
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8

    assert not is_accepted(sign(), bytes(changed))


def test_a_changed_id_or_timestamp_is_refused():
    """A2: both are signed."""
    assert not is_accepted({**sign(), "svix-id": "msg_2"})
    assert not is_accepted({**sign(), "svix-timestamp": str(NOW + 1)})


@given(
    st.dictionaries(st.sampled_from(list(sign())), st.text(max_size=100)), st.binary(max_size=50)
)
def test_no_header_and_no_body_is_accepted_or_breaks(headers, body):
    """Whatever is sent: SignatureError, never another one."""
    assert not is_accepted(headers, body)
