"""Stripe's signature: the vendor's vectors, and where we are stricter than its package."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import SignatureError
from include.relay.signatures.stripe import StripeSignature
from tests.unit.relay.vectors import instant, vectors

SECRET = "whsec_test"
NOW = 1_767_225_600
BODY = b'{"id": "evt_1"}'

STRICTER = {
    "old-but-no-tolerance": "the package checks no age unless told to; we always do",
    "from-the-future": "the package takes any future; our 300 seconds hold in both directions",
}


def sign(body=BODY, *, secret=SECRET, at=NOW, scheme="v1"):
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},{scheme}={digest}"


def is_accepted(header, body=BODY, *, secrets=(SECRET,), now=NOW):
    headers = {} if header is None else {"stripe-signature": header}
    try:
        StripeSignature(secrets, tolerance_seconds=300).verify(body, headers, now=instant(now))
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize("vector", vectors("stripe"))
def test_vector_behaves_as_it_says(vector):
    """Every vector of the contracts, but for the deviations that `STRICTER` explains."""
    accepted = is_accepted(
        vector["header"], vector["body"].encode(), secrets=[vector["secret"]], now=vector["now"]
    )

    assert accepted == (vector["valid"] and vector["name"] not in STRICTER)


def test_the_deviations_are_still_vectors():
    """A deviation that no vector shows any more is to be taken out."""
    shown = [parameter.values[0] for parameter in vectors("stripe")]

    assert {vector["name"] for vector in shown if vector["valid"]} >= STRICTER.keys()


@pytest.mark.parametrize(("offset", "accepted"), [(299, True), (300, True), (301, False)])
@pytest.mark.parametrize("direction", [1, -1])
def test_tolerance_is_300_seconds_in_both_directions(offset, accepted, direction):
    """A4 and J5: a captured request is of no use five minutes later."""
    assert is_accepted(sign(), now=NOW + direction * offset) == accepted


def test_both_secrets_hold_while_one_is_rotated():
    """A5: during the overlap old and new are configured; afterwards the old one is refused."""
    old, new = sign(secret="whsec_old"), sign(secret="whsec_new")
    both = f"{old},{new.partition(',')[2]}"

    assert all(is_accepted(header, secrets=("whsec_new", "whsec_old")) for header in (old, new))
    assert is_accepted(both, secrets=("whsec_new",))
    assert not is_accepted(old, secrets=("whsec_new",))


def test_without_a_secret_nothing_is_accepted():
    """A relay that was not given Stripe's secret takes nothing from Stripe."""
    assert not is_accepted(sign(), secrets=())


@given(st.integers(0, len(BODY) * 8 - 1))
def test_one_changed_bit_is_refused(bit):
    """A2: any bit of the body."""
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8

    assert not is_accepted(sign(), bytes(changed))


@pytest.mark.parametrize(
    "body", [b'{"id":"evt_1"}', b'{"id": "\\u0065vt_1"}', b'{"id": "evt_1"}\n'], ids=repr
)
def test_only_the_raw_bytes_verify(body):
    """A6: the same JSON, written otherwise, is not what was signed."""
    assert not is_accepted(sign(), body)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param(f"{sign()},{sign()}", id="sent twice"),
        pytest.param(sign(scheme="v0"), id="wrong scheme"),
        pytest.param(sign().replace("t=", "t=+"), id="plus sign"),
        pytest.param(sign().replace("t=", "t= "), id="space"),
        pytest.param(sign().replace("t=", f"t={NOW},t="), id="two timestamps"),
        pytest.param(sign().replace(f"t={NOW}", "t=9" * 40), id="huge timestamp"),
        pytest.param(sign().replace(f"t={NOW}", "t=١٧٦٧٢٢٥٦٠٠"), id="other digits"),
        pytest.param(sign() + ",v1=é", id="non-ASCII"),
        pytest.param(sign() + ",v1=" + "0" * 10_000, id="10 KB"),
    ],
)
def test_malformed_header_is_refused(header):
    """A3: never anything but our error."""
    assert not is_accepted(header)


@given(st.text(max_size=200), st.binary(max_size=50))
def test_no_header_and_no_body_is_accepted_or_breaks(header, body):
    """Whatever is sent: SignatureError, never another one."""
    assert not is_accepted(header, body)


def test_a_body_that_is_not_text_is_refused():
    """The package decodes the body; a UnicodeDecodeError must not become a 500."""
    assert not is_accepted(sign(b"\xff"), b"\xff")


def test_the_error_does_not_carry_the_body():
    """The package's error holds body and header; they stay out of logs."""
    with pytest.raises(SignatureError) as error:
        StripeSignature([SECRET], tolerance_seconds=300).verify(
            b'{"email": "ada@example.org"}', {"stripe-signature": sign()}, now=instant(NOW)
        )

    assert "ada" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
