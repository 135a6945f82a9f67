"""Texts of errors that are kept and shown."""

import pytest

from include.dagkit.run_record import reason_of
from include.errors import VendorBusyError, redact


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("no contact ada@example.org at Mailchimp", "no contact *** at Mailchimp"),
        ("<Ada+x@sub.example.org>, 'ö@exämple.org'", "<***>, '***'"),
        ("Key (email)=(ada@example.org) exists", "Key (email)=(***) exists"),
        ("o'neill@example.org bounced", "*** bounced"),
        ("from bounce+ada=example.org@list.example", "from ***"),
        ("email='ada@example.org'", "email='***'"),
        ("two\n lines", "two lines"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_text_that_is_told(text, safe):
    """One short line without an address, whatever the vendor quotes."""
    assert redact(text) == safe


def test_reason_of_ours_and_of_others():
    """The text of another's error is not ours to show: only its class is."""
    assert reason_of(VendorBusyError("slow down")) == "slow down"
    assert reason_of(KeyError("ada@example.org")) is None
