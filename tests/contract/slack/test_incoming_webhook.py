"""The incoming webhook, which answers in words."""

import pytest
import requests
from slack_sdk.webhook import WebhookClient


@pytest.fixture
def url(checked):
    """Where the webhook is."""
    return f"{checked.url}/slack/services/T0SANDBOX01/B0OPSBOT001/sandbox"


def test_message_of_slacks_own_client_is_kept(checked, url):
    """A payload is posted into the webhook's channel; the answer is the word `ok`."""
    answer = WebhookClient(url).send(text="red", blocks=[{"type": "divider"}])

    assert (answer.status_code, answer.body) == (200, "ok")
    (kept,) = checked.ask("GET", "state/slack")["messages"]
    assert (kept["channel"], kept["text"], kept["via"]) == ("C0OPSALERTS", "red", "webhook")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "invalid_payload"),
        (b"[]", "invalid_payload"),
        (b"{}", "no_text"),
        (b'{"text": "x", "blocks": [{}]}', "invalid_blocks_format"),
    ],
)
def test_payload_is_refused_in_a_word(checked, url, body, word):
    """What cannot be posted is a 400 whose body is the reason, and nothing is kept."""
    headers = {"Content-Type": "application/json"}
    answer = requests.post(url, data=body, headers=headers, timeout=10)

    assert (answer.status_code, answer.text) == (400, word)
    assert checked.ask("GET", "state/slack")["messages"] == []


def test_second_message_within_a_second_is_refused(checked, url):
    """The channel's limit binds the webhook too: 429, `Retry-After`, and not JSON."""
    answers = [requests.post(url, json={"text": str(n)}, timeout=10) for n in range(2)]

    assert [a.status_code for a in answers] == [200, 429]
    assert (answers[1].headers["Retry-After"], answers[1].text) == ("1", "rate_limited")
