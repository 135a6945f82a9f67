"""Our client of Slack against the sandbox: what it returns, and which error means what."""

import pytest

from include.alerts.texts import Link
from include.errors import (
    PermanentVendorError,
    VendorBusyError,
    VendorNotFoundError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.slack.client import Slack
from tests.contract.conftest import slack_client_of

OPS = "C0OPSALERTS"


@pytest.fixture
def client(sandbox):
    """Our client, with the sandbox's bot."""
    return Slack(slack_client_of(sandbox), ops_channel=OPS, staff_channel="C0STAFF0001")


def test_reply_goes_into_the_thread_of_its_message(sandbox, client):
    """`post_message` returns what a reply needs."""
    sandbox.ask("PATCH", "settings", json={"slack_limits": False})
    ts = client.post_message(client.ops_channel, "failed")
    client.post_message(client.ops_channel, "recovered", thread_ts=ts)

    first, reply = sandbox.ask("GET", "state/slack")["messages"]
    assert first["text"] == "failed"
    assert (reply["text"], reply["thread_ts"]) == ("recovered", ts)


OPEN = Link(text="Open", url="https://airflow.example.org/dags/a/runs/b")


def test_buttons_are_under_the_text_where_the_app_has_them(sandbox, client):
    """Slack warns who presses one of an app that answers nothing: without the setting there are none."""
    sandbox.ask("PATCH", "settings", json={"slack_limits": False})
    answering = Slack(
        slack_client_of(sandbox), ops_channel=OPS, staff_channel=OPS, has_buttons=True
    )
    client.post_message(OPS, "failed", buttons=[OPEN])
    answering.post_message(OPS, "failed", buttons=[OPEN, OPEN])
    answering.post_message(OPS, "x" * 3001, buttons=[OPEN])
    answering.post_message(OPS, "recovered")

    plain, pressed, long, bare = sandbox.ask("GET", "state/slack")["messages"]
    section, actions = pressed["blocks"]
    assert (pressed["text"], section["text"]["text"]) == ("failed", "failed")
    assert [one["url"] for one in actions["elements"]] == [OPEN.url] * 2
    assert (plain["blocks"], long["blocks"], bare["blocks"]) == ([], [], [])


def test_pause_that_slack_asks_for_is_kept(client):
    """The second message within a second: later, and after how long."""
    client.post_message(OPS, "first")

    with pytest.raises(VendorBusyError) as caught:
        client.post_message(OPS, "second")

    assert caught.value.retry_after_seconds == 1.0


FATAL = {"status": 200, "body": {"ok": False, "error": "fatal_error"}}


@pytest.mark.parametrize(
    ("fault", "error", "landed"),
    [
        ({"kind": "status", "status": 503, "body": "<h1>down</h1>"}, VendorUnavailableError, 0),
        ({"kind": "status", "status": 500}, VendorUncertainError, 0),
        ({"kind": "status", **FATAL}, VendorUncertainError, 0),
        ({"kind": "status", "status": 200, "body": "<h1>hello</h1>"}, PermanentVendorError, 0),
        ({"kind": "reset"}, VendorUncertainError, 0),
        ({"kind": "lost_answer"}, VendorUncertainError, 1),
    ],
)
def test_message_of_a_faulty_slack(sandbox, client, fault, error, landed):
    """A message may not be sent twice: what may have landed is uncertain, the rest can be sent again."""
    sandbox.fault("slack", path="/chat.postMessage", times=1, **fault)

    with pytest.raises(error) as caught:
        client.post_message(OPS, "secret text")

    assert sandbox.fired() == 1
    assert len(sandbox.ask("GET", "state/slack")["messages"]) == landed
    assert "secret" not in str(caught.value)
    assert type(caught.value) is error


def test_unknown_channel_and_refused_app_are_for_a_person(client):
    """What no retry mends is permanent."""
    with pytest.raises(VendorNotFoundError, match="channel_not_found"):
        client.post_message("#nowhere", "x")
    with pytest.raises(PermanentVendorError, match="not_in_channel"):
        client.post_message("#general", "x")


def test_slack_that_is_not_there_is_unavailable(sandbox):
    """No connection came about, so nothing was sent."""
    package = slack_client_of(sandbox)
    package.base_url = "http://127.0.0.1:1/api/"
    client = Slack(package, ops_channel=OPS, staff_channel="")

    with pytest.raises(VendorUnavailableError, match="ConnectionRefusedError"):
        client.post_message(OPS, "x")


def test_scopes_of_a_token_are_told(sandbox):
    """Each answer of Slack's says in a header what the token may do; the bot's and the owner's differ."""
    bot, owner = (
        Slack(slack_client_of(sandbox, admin=admin), ops_channel=OPS, staff_channel=OPS).check()
        for admin in (False, True)
    )

    assert "chat:write" in bot
    assert owner == {"users.profile:write"}
