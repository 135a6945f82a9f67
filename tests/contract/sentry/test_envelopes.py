"""Sentry's own client against the receiver."""

import pytest
import requests
import sentry_sdk


@pytest.fixture
def client(sandbox):
    """Give Sentry's client, pointed at the sandbox."""
    client = sentry_sdk.Client(dsn=f"{sandbox.url}/sentry/7".replace("://", "://key@"))
    yield client
    client.close()


def test_event_is_kept(client, sandbox):
    """Its clients compress what they send."""
    event_id = client.capture_event({"message": "red", "level": "error"})
    client.flush(timeout=5)

    (event,) = sandbox.ask("GET", "state/sentry")["events"]
    assert (event["event_id"], event["message"]) == (event_id, "red")


@pytest.mark.parametrize("body", [b"", b"{", b'{"event_id": "1"}\n{"length": 2}\n{}', b"[]\nx"])
def test_what_is_no_envelope_is_refused(sandbox, body):
    """With a 400, and nothing is kept."""
    answer = requests.post(
        f"{sandbox.url}/sentry/api/7/envelope/",
        data=body,
        headers={"X-Sentry-Auth": "Sentry sentry_key=key"},
        timeout=10,
    )

    assert answer.status_code == 400
    assert sandbox.ask("GET", "state/sentry")["events"] == []


def test_key_is_wanted(sandbox):
    """As a DSN has one."""
    answer = requests.post(f"{sandbox.url}/sentry/api/7/envelope/", data=b"{}", timeout=10)

    assert answer.status_code == 401
