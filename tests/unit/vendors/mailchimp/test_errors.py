"""Mailchimp's refusals → our errors: by status, by title, by wording; never with an address."""

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from include.errors import (
    AddressTakenError,
    ComplianceError,
    ForgottenError,
    PermanentVendorError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorSlowDownError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.mailchimp.errors import bulk_error_from, error_from, network_error_from
from tests import contracts

MEANINGS = {
    "member_in_compliance_state": ComplianceError,
    "forgotten_email": ForgottenError,
    "member_exists": AddressTakenError,
    "invalid_resource": PermanentVendorError,
    "resource_not_found": VendorNotFoundError,
    "method_not_allowed": PermanentVendorError,
    "too_many_requests": VendorBusyError,
    "too_many_requests_no_body": VendorBusyError,
    "forbidden_no_body": VendorUnavailableError,
}
HTML = "<html><body>Service Unavailable</body></html>"


@pytest.mark.parametrize(
    "path", contracts.examples("mailchimp/problems.json"), ids=contracts.name_of
)
def test_every_problem_document_has_its_meaning(path):
    """Mailchimp's documents, each as the error that tells the caller what to do."""
    problems = contracts.load(path)

    found = {
        name: type(error_from(problem["status"], problem["body"] or "", repeatable=True))
        for name, problem in problems.items()
    }

    assert found == MEANINGS


@pytest.mark.parametrize(
    ("status", "text", "repeatable", "kind"),
    [
        (503, HTML, True, VendorUnavailableError),
        (503, "", False, VendorUnavailableError),
        (500, "", True, VendorUnavailableError),
        (500, "", False, VendorUncertainError),
        (502, HTML, False, VendorUncertainError),
        (504, "", False, VendorUncertainError),
        (429, "", False, VendorBusyError),
        (403, "", False, VendorUnavailableError),
        (403, '{"title": "Forbidden"}', True, PermanentVendorError),
        (401, '{"title": "API Key Invalid"}', True, PermanentVendorError),
        (
            400,
            '{"detail": "x has signed up to a lot of lists very recently"}',
            True,
            VendorSlowDownError,
        ),
        (400, '{"detail": "x looks fake or invalid"}', True, PermanentVendorError),
        (400, "", True, PermanentVendorError),
        (400, "[]", True, PermanentVendorError),
    ],
)
def test_status_and_wording_decide(status, text, repeatable, kind):
    """What a lost answer means depends on whether the call may be repeated."""
    assert type(error_from(status, text, repeatable=repeatable)) is kind


def test_translated_title_does_not_matter():
    """Titles may be translated: the wording of the detail decides as well."""
    problem = {
        "title": "Mitglied im Konformitätsstatus",
        "detail": "is in a compliance state due to",
    }

    assert isinstance(error_from(400, problem, repeatable=True), ComplianceError)


def test_refused_merge_field_is_named():
    """A person who reads the reason learns which field it was."""
    problem = {
        "title": "Invalid Resource",
        "detail": "Your merge fields were invalid.",
        "errors": [{"field": "LNAME", "message": "Please enter a value of 255 characters or less"}],
    }

    assert (
        str(error_from(400, problem, repeatable=True)) == "Mailchimp refuses a merge field (LNAME)"
    )


def test_bulk_errors_mean_the_same():
    """A bulk call's errors say the same in other places."""
    exists = bulk_error_from(
        {"error_code": "ERROR_CONTACT_EXISTS", "error": "x is already a list member"}
    )
    refused = bulk_error_from(
        {"error_code": "ERROR_GENERIC", "error": "x is in a compliance state due to"}
    )
    field = bulk_error_from({"error": "Your merge fields were invalid.", "field": "FNAME"})

    assert isinstance(exists, AddressTakenError)
    assert isinstance(refused, ComplianceError)
    assert "FNAME" in str(field)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (requests.ConnectTimeout(), VendorUnavailableError),
        (
            requests.ConnectionError(
                MaxRetryError(None, "/", NewConnectionError(None, "Connection refused"))
            ),
            VendorUnavailableError,
        ),
        (requests.ReadTimeout(), VendorUncertainError),
        (requests.ConnectionError(ProtocolError("reset")), VendorUncertainError),
        (requests.ConnectionError(), VendorUncertainError),
        ("something else", VendorUncertainError),
    ],
    ids=["no connection in time", "refused", "no answer", "reset", "unknown", "no exception"],
)
def test_only_a_call_that_was_not_sent_may_be_repeated(cause, kind):
    """Of a call that must not be repeated: without a connection nothing happened, else nobody knows."""
    assert type(network_error_from(cause, repeatable=False)) is kind
    assert type(network_error_from(cause, repeatable=True)) is VendorUnavailableError


@given(st.integers(100, 599), st.text() | st.dictionaries(st.text(), st.text()), st.booleans())
def test_any_answer_is_one_of_our_errors(status, text, repeatable):
    """Whatever comes back is an error of ours, and never quotes an address."""
    error = error_from(status, text, repeatable=repeatable)

    assert isinstance(error, VendorError)
    assert "@" not in str(error)
