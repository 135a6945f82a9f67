"""Buttons under an alert in Slack, on the wire: posted, pressed and signed as Slack does, taken by a real relay."""

from datetime import timedelta

import pytest

from include.alerts.pauses import PauseKind
from include.vendors.slack.client import Slack, SlackChannel
from tests.contract.conftest import slack_client_of
from tests.jobs.alert_world import Watch, rules
from tests.jobs.conftest import serving
from tests.relay_process import running_relay

SECRET, ANOTHER = "8f742231b10e8888abcd99yyyzzz85a5", "0" * 32
CHANNEL, OWNER = "C0OPSALERTS", "U0OWNER0001"


@pytest.fixture
def relay(database, tmp_path):
    """Run a relay that takes presses, where the workspace's owner may acknowledge."""
    settings = {"slack_signing_secrets": SECRET, "slack_operators": OWNER}
    with running_relay(database, tmp_path, **settings) as relay:
        yield relay


@pytest.fixture
def slack(relay):
    """Serve a Slack whose app's Request URL is that relay's."""
    with serving(relay_url=relay.url, slack_signing_secret=SECRET) as sandbox:
        sandbox.ask("PATCH", "settings", json={"slack_limits": False})
        yield sandbox
        assert sandbox.violations() == []


@pytest.fixture
def watch(store, slack):
    """Give a world whose rule tells Slack, with buttons, and again each two minutes."""
    return watch_on(store, slack)


def watch_on(store, slack):
    watch = Watch(store, slack, rules(("slack", CHANNEL), repeat="2m"))
    client = Slack(slack_client_of(slack), ops_channel="", staff_channel="", has_buttons=True)
    watch.channels["slack"] = SlackChannel(client, console="https://airflow.example.org/ops")
    return watch


def messages(slack):
    return slack.ask("GET", "state/slack")["messages"]


def heads(slack):
    return [one["text"].split(":")[0].strip("*") for one in messages(slack)]


def press(slack, button="Acknowledge", *, message=-1, user=OWNER):
    """Press a button, and return what the relay answered."""
    wish = {
        "channel": CHANNEL,
        "ts": messages(slack)[message]["ts"],
        "button": button,
        "user": user,
    }
    return slack.ask("POST", "slack/press", json=wish)["status"]


def audited(store):
    rows = store.connection.execute("SELECT actor, action, target FROM ops.audit_log ORDER BY id")
    return [(one["actor"], one["action"], one["target"]) for one in rows]


def test_acknowledged_by_a_button_is_not_told_again(store, slack, watch):
    """Its end is told as ever; the audit log has who pressed it."""
    watch.minute(dlq_count=21)

    assert press(slack) == 200
    for count in (21, 21, 21, 0):
        watch.minute(dlq_count=count)

    assert heads(slack) == ["FIRING", "RESOLVED"]
    pause = store.alerts.pauses()["a_rule"]
    assert (pause.kind, pause.actor) == (PauseKind.ACKNOWLEDGED, f"slack:{OWNER}")
    assert audited(store) == [(f"slack:{OWNER}", "alert:acknowledge", "alert:a_rule")]


def test_button_that_opens_a_page_is_answered_and_changes_nothing(store, slack, watch):
    """Slack asks about that one too."""
    watch.minute(dlq_count=21)

    assert press(slack, "Open") == 200

    assert (store.alerts.pauses(), audited(store)) == ({}, [])


def test_who_may_not_acknowledge_is_refused_and_kept(store, slack, watch):
    """Everybody who sees the channel sees the button; the page that it opens asks for Airflow's login."""
    [person] = slack.ask("POST", "seed/slack", json={"people": 1})["people"]
    watch.minute(dlq_count=21)

    assert press(slack, user=person["id"]) == 200

    assert store.alerts.pauses() == {}
    assert audited(store) == [(f"slack:{person['id']}", "slack:refused", "alert:a_rule")]


def test_button_of_a_firing_that_is_over_does_not_acknowledge_the_next(store, slack, watch):
    """An old message stays in the channel; pressing it must not silence what has begun since."""
    for count in (21, 0):
        watch.minute(dlq_count=count)
    assert press(slack, message=0) == 200
    assert store.alerts.pauses() == {}

    watch.minute(dlq_count=21)
    assert press(slack, message=0) == 200

    assert (store.alerts.pauses(), audited(store)) == ({}, [])
    assert heads(slack) == ["FIRING", "RESOLVED", "FIRING"]


def test_what_slack_did_not_sign_is_refused(store, relay):
    """Of another app's secret, and of another hour: nothing is done, and Slack warns who has pressed it."""
    for number, (secret, skew) in enumerate(((ANOTHER, 0), (SECRET, -3600))):
        with serving(relay_url=relay.url, slack_signing_secret=secret) as slack:
            switches = {"slack_limits": False, "signing_skew_seconds": skew}
            slack.ask("PATCH", "settings", json=switches)
            watch = watch_on(store, slack)
            watch.clock.advance(timedelta(hours=number))  # each goes on where the last one ended
            watch.minute(dlq_count=21)

            assert press(slack) == 400

            watch.minute(dlq_count=0)
    assert (store.alerts.pauses(), audited(store)) == ({}, [])


def test_without_a_signing_secret_there_is_no_such_address(database, tmp_path):
    """Who does not use buttons has nothing more that the internet can reach."""
    with running_relay(database, tmp_path) as relay:
        assert relay.client.post("/webhooks/slack", content=b"payload=1").status_code == 404
