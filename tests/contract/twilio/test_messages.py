"""Twilio's text messages: no key tells two alike apart, so what is unknown is looked up."""

from datetime import timedelta

import pytest

from include.errors import (
    PermanentVendorError,
    VendorBusyError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.twilio.client import Twilio
from tests.messages import a_message, its_end

ACCOUNT = "AC" + "0123456789abcdef" * 2
TO = "+1234567890"


def client_of(sandbox, **options):
    """Return our client for a sandbox."""
    usual = {"sender": "+15550001111", "base_url": f"{sandbox.url}/twilio", "timeout_seconds": 2}
    return Twilio(ACCOUNT, options.pop("token", "token"), **{**usual, **options})


def texts(sandbox):
    """Return the texts that arrived."""
    return [m["body"] for m in sandbox.ask("GET", "state/twilio")["messages"]]


def test_message_arrives(checked):
    """Title, number and where to read on, short enough for a telephone."""
    sid = client_of(checked).send(TO, a_message())

    [text] = texts(checked)
    assert sid.startswith("SM")
    assert text.startswith("FIRING: job_queue_backup (critical). queued_jobs 101")
    assert len(text) <= 300


def test_messaging_service_may_be_the_sender(checked):
    """A sender that begins with MG is a service, not a number."""
    client_of(checked, sender="MG" + "0" * 32).send(TO, a_message())

    [message] = checked.ask("GET", "state/twilio")["messages"]
    assert (message["from"], message["messaging_service_sid"]) == (None, "MG" + "0" * 32)


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_lost_answer_is_looked_up(checked, kind):
    """Whether it arrived is asked, by number, time and text."""
    message, client = a_message(), client_of(checked)
    checked.fault("twilio", kind, method="POST", times=1)

    with pytest.raises(VendorUncertainError):
        client.send(TO, message)

    assert checked.fired() == 1
    assert client.was_sent(TO, message) is (kind == "lost_answer")


def test_look_up_takes_no_other_message_for_it(checked):
    """Another number, another alert, an earlier one: none of them is this one."""
    message, client = a_message(), client_of(checked)
    client.send("+1234567891", message)
    client.send(TO, its_end(message))
    client.send(TO, message)

    later = a_message(at=message.at + timedelta(hours=2))

    assert client.was_sent(TO, message) is True
    assert client.was_sent(TO, later) is False


def test_server_error_leaves_us_in_the_dark(sandbox):
    """A 5xx after a message was posted says nothing about the message."""
    sandbox.fault("twilio", "status", status=503)

    with pytest.raises(VendorUncertainError):
        client_of(sandbox).send(TO, a_message())
    with pytest.raises(VendorUnavailableError):
        client_of(sandbox).was_sent(TO, a_message())


def test_nobody_there_is_not_uncertain(unused_port):
    """A connection that was never made has sent nothing."""
    client = Twilio(
        ACCOUNT, "t", sender="+1", base_url=f"http://127.0.0.1:{unused_port}", timeout_seconds=2
    )

    with pytest.raises(VendorUnavailableError):
        client.send(TO, a_message())


@pytest.fixture
def unused_port():
    """Give a port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]  # bound, not listening: refused


def test_throttled_is_worth_another_try(sandbox):
    """429: later."""
    sandbox.fault("twilio", "status", status=429)

    with pytest.raises(VendorBusyError):
        client_of(sandbox).send(TO, a_message())


def test_refusal_does_not_repeat_the_number(checked):
    """Twilio's text quotes the number; ours has its error code instead."""
    with pytest.raises(PermanentVendorError) as refused:
        client_of(checked).send("+99", a_message())

    assert "21211" in str(refused.value)
    assert "+99" not in str(refused.value)


def test_check_sends_nothing(checked):
    """Account and token are looked at."""
    client_of(checked).check()

    assert texts(checked) == []
    with pytest.raises(PermanentVendorError, match="no sender"):
        client_of(checked, sender="").check()


def test_pages_lead_on(checked):
    """A list is cut into pages that name their neighbours."""
    import requests

    for number in range(3):
        client_of(checked).send(TO, a_message(rule=f"rule_{number}"))
    url = f"{checked.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"

    first = requests.get(url, params={"PageSize": 2}, auth=(ACCOUNT, "t"), timeout=5).json()
    rest = requests.get(
        checked.url + "/twilio" + first["next_page_uri"], auth=(ACCOUNT, "t"), timeout=5
    ).json()

    assert [len(page["messages"]) for page in (first, rest)] == [2, 1]
    assert "rule_2" in first["messages"][0]["body"]
    assert rest["next_page_uri"] is None
