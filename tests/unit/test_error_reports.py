"""J1: what Sentry is sent has no address, whatever the error quotes."""

import sys

from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.utils import event_from_exception

from include.dagkit.error_reports import WITHHELD, without_people
from include.errors import VendorBusyError

ADDRESS = "ada@example.org"


def reported(error, email=ADDRESS):
    """Return what is left of the event that Sentry's client makes of an error beside personal data."""
    try:
        raise error
    except type(error):
        event, hint = event_from_exception(sys.exc_info(), DEFAULT_OPTIONS)
    event |= {
        "breadcrumbs": {"values": [{"message": f"synced {email}"}]},
        "extra": {"argv": [email]},
        "tags": {"dag_id": "mailchimp_sync"},
    }
    assert str(event).count(email) >= 3, "there is nothing to withhold: the test proves nothing"
    return without_people(event, hint)


def test_text_of_ours_stays():
    """It says what happened; an address in it does not leave."""
    event = reported(VendorBusyError("no contact ada@example.org"))

    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("VendorBusyError", "no contact ***")
    assert "example.org" not in str(event)


def test_text_of_others_is_withheld():
    """A driver quotes the row that it could not store. Where it broke is told all the same."""
    event = reported(ValueError("Key (email)=(ada@example.org) exists"))

    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", WITHHELD)
    assert exception["stacktrace"]["frames"][-1]["function"] == "reported"
    assert "example.org" not in str(event)
