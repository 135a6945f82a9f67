"""Mailchimp's refusals → our errors (mailchimp.com/developer/marketing/docs/errors).

Titles may be translated, so wording decides where the title does not. Of many refusals only `errors` says the
reason, field by field. Details and messages quote addresses: none of their text goes into ours.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson

from include.errors import (
    AddressTakenError,
    ComplianceError,
    ForgottenError,
    NotSubscribedError,
    PermanentVendorError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorSlowDownError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.http import never_left

WORDINGS: tuple[tuple[str, type[VendorError], str], ...] = (
    ("compliance state", ComplianceError, "unsubscribed by herself, bounced or under review"),
    ("permanently deleted", ForgottenError, "the address was deleted for good"),
    ("forgotten email", ForgottenError, "the address was deleted for good"),
    ("already a list member", AddressTakenError, "another contact has the address"),
    ("already in this list", AddressTakenError, "another contact has the address"),
    ("member exists", AddressTakenError, "another contact has the address"),
    ("not subscribed", NotSubscribedError, "the contact is not subscribed"),
    ("lot of lists", VendorSlowDownError, "the address signed up to too many lists recently"),
    ("too many lists", VendorSlowDownError, "the address signed up to too many lists recently"),
    ("looks fake or invalid", PermanentVendorError, "the address looks fake or invalid"),
    ("valid email", PermanentVendorError, "the address is not valid"),
)


def error_from(status: int, text: object, *, repeatable: bool) -> VendorError:  # noqa: PLR0911 - a table
    """Return what an answer that is no success means; `text` is its body, if it had one.

    `repeatable` says whether the call may be made again without knowing what came of it.
    """
    problem = _problem_from(text)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return VendorBusyError("Mailchimp: too many connections at once")
    if status == HTTPStatus.FORBIDDEN and not problem:  # documented: 429 or 403 without a body
        return VendorUnavailableError("Mailchimp answers 403 without a reason")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return VendorUnavailableError("Mailchimp is out of service")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        message = f"Mailchimp answers {int(status)}"
        return VendorUnavailableError(message) if repeatable else VendorUncertainError(message)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return PermanentVendorError(f"Mailchimp refuses our API key: {int(status)}")
    if status == HTTPStatus.NOT_FOUND:
        return VendorNotFoundError("Mailchimp does not know the list, member, segment or journey")
    errors = problem.get("errors")
    wording = " ".join([str(problem.get(part, "")) for part in ("title", "detail")])
    return _refusal_from(status, f"{wording} {_messages_in(errors)}", _fields_in(errors))


def bulk_error_from(error: dict[str, Any]) -> VendorError:
    """Return why one member of a bulk call was refused."""
    if error.get("error_code") == "ERROR_CONTACT_EXISTS":
        return AddressTakenError("Mailchimp: another contact has the address")
    wording = f"{error.get('error', '')} {error.get('field_message', '')}"
    fields = [error["field"]] if isinstance(error.get("field"), str) and error["field"] else []
    return _refusal_from(HTTPStatus.BAD_REQUEST, wording, fields)


def network_error_from(cause: object, *, repeatable: bool) -> VendorError:
    """Return what a call without an answer means: not sent, or perhaps done."""
    if repeatable or never_left(cause):
        return VendorUnavailableError(f"Mailchimp does not answer: {type(cause).__name__}")
    return VendorUncertainError(f"Mailchimp's answer was lost: {type(cause).__name__}")


def _refusal_from(status: int, wording: str, fields: list[str]) -> VendorError:
    lowered = wording.lower()
    for words, kind, meaning in WORDINGS:
        if words in lowered:
            return kind(f"Mailchimp: {meaning}")
    which = f" ({', '.join(fields)})" if fields else ""
    if "merge fields" in lowered:
        return PermanentVendorError(f"Mailchimp refuses a merge field{which}")
    return PermanentVendorError(f"Mailchimp refuses the call: {int(status)}{which}")


def _problem_from(text: object) -> dict[str, Any]:
    """Return the problem document; the package hands it over unparsed."""
    if isinstance(text, dict):
        return text
    try:
        problem = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _messages_in(errors: object) -> str:
    """Return what is said field by field."""
    if not isinstance(errors, list):
        return ""
    return " ".join(str(e.get("message", "")) for e in errors if isinstance(e, dict))


def _fields_in(errors: object) -> list[str]:
    if not isinstance(errors, list):
        return []
    names = [e.get("field") for e in errors if isinstance(e, dict)]
    return [name for name in names if isinstance(name, str) and name and "@" not in name]
