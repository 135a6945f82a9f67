"""Messages over the Web API, as Slack's own package posts them."""

import pytest
from slack_sdk.errors import SlackApiError

from tests.contract.conftest import slack_code_of

OPS = "C0OPSALERTS"
BUTTON = {
    "type": "button",
    "action_id": "open",
    "text": {"type": "plain_text", "text": "Open"},
    "url": "https://example.org/",
}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*red*"}}


@pytest.fixture
def unlimited(checked):
    """Give the sandbox without Slack's limits, for tests of something else."""
    checked.ask("PATCH", "settings", json={"slack_limits": False})
    return checked


def messages(sandbox):
    """Return the messages as the sandbox keeps them."""
    return sandbox.ask("GET", "state/slack")["messages"]


def test_bot_learns_who_it_is(slack):
    """`auth.test` names the workspace and the bot."""
    answer = slack.auth_test()

    assert (answer["user"], answer["bot_id"][0], answer["team_id"][0]) == ("ops.bot", "B", "T")


def test_message_is_kept_with_text_and_blocks(checked, slack):
    """A message posted by channel name is kept under the channel's id."""
    answer = slack.chat_postMessage(channel="#ops-alerts", text="red", blocks=[SECTION])

    assert (answer["channel"], answer["message"]["blocks"]) == (OPS, [SECTION])
    (kept,) = messages(checked)
    assert (kept["channel"], kept["ts"], kept["text"]) == (OPS, answer["ts"], "red")
    assert kept["blocks"] == [SECTION]


def test_reply_is_in_its_thread(unlimited, slack):
    """`thread_ts` makes a reply; a reply to a reply is in the same thread."""
    parent = slack.chat_postMessage(channel=OPS, text="failed")["ts"]
    reply = slack.chat_postMessage(channel=OPS, text="recovered", thread_ts=parent)["ts"]
    slack.chat_postMessage(channel=OPS, text="really", thread_ts=reply)

    assert [m["thread_ts"] for m in messages(unlimited)] == [None, parent, parent]


def test_message_is_changed(unlimited, slack):
    """`chat.update` changes the text and keeps the blocks."""
    ts = slack.chat_postMessage(channel=OPS, text="one failure", blocks=[SECTION])["ts"]

    slack.chat_update(channel=OPS, ts=ts, text="two failures")

    (kept,) = messages(unlimited)
    assert (kept["text"], kept["blocks"], kept["ts"]) == ("two failures", [SECTION], ts)
    assert kept["edited"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ({"channel": "general", "text": "x"}, "not_in_channel"),
        ({"channel": OPS, "text": ""}, "no_text"),
        ({"channel": OPS, "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": OPS, "text": "x", "thread_ts": "1700000000.000001"}, "thread_not_found"),
        ({"channel": OPS, "text": "x", "blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"channel": OPS, "text": "x", "blocks": [{"type": "button"}]}, "invalid_blocks"),
    ],
)
def test_message_is_refused(unlimited, slack, wish, code):
    """What Slack refuses is a 200 with a code, and nothing is kept."""
    assert slack_code_of(slack.api_call, "chat.postMessage", json=wish) == code
    assert messages(unlimited) == []


def test_buttons_are_kept(checked, slack):
    """An actions block with buttons that open a page."""
    blocks = [SECTION, {"type": "actions", "elements": [BUTTON]}]

    slack.chat_postMessage(channel=OPS, text="red", blocks=blocks)

    assert messages(checked)[0]["blocks"] == blocks


@pytest.mark.parametrize(
    "elements",
    [
        [],
        [BUTTON] * 2,
        [{**BUTTON, "action_id": str(number)} for number in range(26)],
        [{**BUTTON, "text": {"type": "mrkdwn", "text": "Open"}}],
        [{**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}}],
        [{**BUTTON, "url": "javascript:alert(1)"}],
        [{**BUTTON, "url": f"https://example.org/{'x' * 3000}"}],
        [{**BUTTON, "action_id": "x" * 256}],
    ],
)
def test_buttons_that_slack_does_not_take_are_refused(unlimited, slack, elements):
    """None, an id twice, too many, text that is not plain or too long, an address that is none."""
    wish = {"channel": OPS, "text": "x", "blocks": [{"type": "actions", "elements": elements}]}

    assert slack_code_of(slack.api_call, "chat.postMessage", json=wish) == "invalid_blocks"
    assert messages(unlimited) == []


def test_message_of_nobody_is_not_changed(unlimited, slack):
    """An unknown time stamp is refused."""
    wish = {"channel": OPS, "ts": "1700000000.000001", "text": "x"}

    assert slack_code_of(slack.chat_update, **wish) == "message_not_found"


def test_second_message_within_a_second_is_refused(checked, slack):
    """One message a second in a channel: 429 with `Retry-After`; after it the message goes through."""
    slack.chat_postMessage(channel=OPS, text="first")

    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel=OPS, text="second")
    slack.chat_postMessage(channel="staff", text="another channel")
    checked.ask("POST", "clock", json={"advance_seconds": 1})
    slack.chat_postMessage(channel=OPS, text="second")

    refused = caught.value.response
    assert (refused.status_code, refused["error"]) == (429, "ratelimited")
    assert refused.headers["Retry-After"] == "1"
    assert [m["text"] for m in messages(checked)] == ["first", "another channel", "second"]


def test_unknown_token_is_refused(sandbox, slack):
    """Without a token nothing works."""
    slack.token = None

    assert slack_code_of(slack.auth_test) == "not_authed"
