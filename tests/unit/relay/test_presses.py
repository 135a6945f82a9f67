"""What Slack posts of a pressed button, and what is none."""

import json
from urllib.parse import urlencode

import pytest

from include.errors import PayloadError
from include.relay.presses import Press, presses_from

DOCUMENT = {
    "type": "block_actions",
    "user": {"id": "U0ADA", "name": "ada"},
    "actions": [
        {"action_id": "open_0", "type": "button", "value": "acknowledge:a_rule.20261124T120000Z"},
        {"action_id": "open_1", "type": "button"},
    ],
}


def form(document):
    return urlencode({"payload": json.dumps(document)}).encode()


def test_buttons_come_with_who_pressed_them():
    """One without a value only opens a page."""
    assert presses_from(form(DOCUMENT)) == [
        Press(user="U0ADA", value="acknowledge:a_rule.20261124T120000Z"),
        Press(user="U0ADA", value=""),
    ]


def test_what_is_no_button_is_none():
    """Slack sends shortcuts and closed dialogs to the same address."""
    assert presses_from(form({"type": "shortcut", "user": {"id": "U0ADA"}})) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"payload=",
        b"payload=%7B%7D",
        b"payload=1",
        b"payload=" + b"%5B" * 100_000,
        b"payload={}&payload={}",
        form({**DOCUMENT, "user": None}),
        form({**DOCUMENT, "user": {"id": 1}}),
        form({**DOCUMENT, "user": {"id": "U0ADA' --"}}),
        form({**DOCUMENT, "actions": None}),
        form({**DOCUMENT, "actions": [1]}),
    ],
)
def test_what_cannot_be_read_is_refused(body):
    """Whatever it is, it is our error and no other."""
    with pytest.raises(PayloadError):
        presses_from(body)
