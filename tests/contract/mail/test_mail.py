"""Mail, over real SMTP."""

import pytest

from include.errors import PermanentVendorError, VendorUnavailableError, VendorUncertainError
from include.vendors.mail.client import Mail
from tests.messages import a_message, its_end

TO = "oncall@example.org"


def client_of(sandbox, **options):
    """Return our client for a sandbox's mail server."""
    port = sandbox.ask("GET", "healthz")["ports"]["mail"]
    usual = {"host": "127.0.0.1", "port": port, "sender": "ops@example.org", "encryption": "off"}
    return Mail(**{**usual, "timeout_seconds": 2, **options})


def mails(sandbox):
    """Return the mails that arrived."""
    return sandbox.ask("GET", "state/mail")["mails"]


def test_mail_arrives(sandbox):
    """What, since when, how many, examples and runbook, in plain text."""
    client_of(sandbox).send(TO, a_message())

    [mail] = mails(sandbox)
    assert mail["to"] == [TO]
    assert mail["subject"] == "FIRING: job_queue_backup (critical)"
    for words in ("queued_jobs 101", "Since 2026", "airflow.example.org", "Runbook: https://"):
        assert words in mail["text"]


def test_end_belongs_to_the_beginning(sandbox):
    """Mail programs show both as one conversation."""
    message = a_message()
    for one in (message, its_end(message)):
        client_of(sandbox).send(TO, one)

    first, last = mails(sandbox)
    assert first["headers"]["References"] == last["headers"]["References"]
    assert first["headers"]["Message-ID"] != last["headers"]["Message-ID"]


def test_same_message_has_the_same_id(sandbox):
    """Who gets it twice sees it once."""
    ids = {
        client_of(sandbox).send(TO, a_message(at=a_message().at.replace(hour=1))) for _ in range(2)
    }

    assert len(ids) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 451}, VendorUnavailableError),
        ({"kind": "status", "status": 550}, PermanentVendorError),
        ({"kind": "reset"}, VendorUncertainError),
        ({"kind": "lost_answer"}, VendorUncertainError),
        ({"kind": "stall", "seconds": 3}, VendorUncertainError),
    ],
)
def test_trouble_with_a_mail(sandbox, fault, error):
    """Later, never, or who knows; and the address is in no error."""
    sandbox.fault("mail", **fault)

    with pytest.raises(error) as trouble:
        client_of(sandbox, timeout_seconds=1).send(TO, a_message())

    assert sandbox.fired() == 1
    assert "oncall" not in str(trouble.value)
    assert len(mails(sandbox)) == (fault["kind"] == "lost_answer")


def test_encryption_is_not_given_up(sandbox):
    """A server that does not offer it gets no mail, unless that is configured."""
    with pytest.raises(PermanentVendorError, match="no encryption"):
        client_of(sandbox, encryption="starttls").send(TO, a_message())

    assert mails(sandbox) == []


def test_check_sends_nothing(sandbox):
    """The server is there and lets us in."""
    client_of(sandbox).check()

    assert mails(sandbox) == []


def test_nobody_there(sandbox):
    """A server that is down: later."""
    with pytest.raises(VendorUnavailableError):
        client_of(sandbox, port=1).send(TO, a_message())
