"""Slack's signature: the example of its documentation, its own package as the judge, and where we are stricter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from include.errors import SignatureError
from include.relay.signatures.slack import SlackSignature
from tests.unit.relay.vectors import instant

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_531_420_618
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
"""All four: docs.slack.dev/authentication/verifying-requests-from-slack."""


def headers(signature=SIGNATURE, *, stamp=str(NOW)):
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}


def is_accepted(given, body=BODY, *, secrets=(SECRET,), now=NOW):
    try:
        SlackSignature(secrets, tolerance_seconds=300).verify(body, given, now=instant(now))
    except SignatureError:
        return False
    return True


def test_example_of_the_documentation_is_accepted():
    """The vector that everybody who signs for Slack starts from."""
    assert is_accepted(headers())
    assert is_accepted(headers(), secrets=("old", SECRET))


@pytest.mark.parametrize(
    "given",
    [
        {},
        headers(""),
        headers(SIGNATURE.upper()),
        headers(SIGNATURE.removeprefix("v0=")),
        headers(f"{SIGNATURE},{SIGNATURE}"),
        headers(f"v0=ä{SIGNATURE}"),
        headers(SIGNATURE + "0" * 5000),
        headers(stamp=f"{NOW + 1}"),
        headers(stamp=f" {NOW}"),
        headers(stamp=f"+{NOW}"),
        headers(stamp="x"),
    ],
)
def test_what_slack_did_not_sign_is_refused(given):
    """Without a signature, with half of one, with garbage beside it, at another second."""
    assert not is_accepted(given)


def test_another_body_or_secret_is_refused_and_so_is_all_without_one():
    """One byte more, the secret of another app, none."""
    assert not is_accepted(headers(), BODY + b"&")
    assert not is_accepted(headers(), secrets=("other",))
    assert not is_accepted(headers(), secrets=())


@pytest.mark.parametrize(("offset", "accepted"), [(299, True), (300, True), (301, False)])
@pytest.mark.parametrize("direction", [1, -1])
def test_tolerance_is_300_seconds_in_both_directions(offset, accepted, direction):
    """A captured press is of no use five minutes later."""
    assert is_accepted(headers(), now=NOW + direction * offset) == accepted


@given(body=st.text(max_size=200))
def test_its_own_package_signs_what_we_accept(body):
    """Whatever the body."""
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=str(NOW), body=body)

    assert is_accepted(headers(signature), body.encode())
    assert not is_accepted(headers(signature), body.encode() + b"x")
