"""Mailchimp's problem documents, with its texts (mailchimp.com/developer/marketing/docs/errors)."""

from typing import Any
from uuid import uuid4

from include.lab.sandbox.wire import Answer, Refusal, json_answer

PROBLEM = "application/problem+json; charset=utf-8"
TYPE = "https://mailchimp.com/developer/marketing/docs/errors/"


def problem(
    status: int, title: str, detail: str, errors: list[dict[str, str]] | None = None
) -> Answer:
    """Return a problem document."""
    document: dict[str, Any] = {
        "type": TYPE,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": str(uuid4()),
    }
    if errors is not None:
        document["errors"] = errors
    return json_answer(document, status, PROBLEM)


def api_key_invalid() -> Refusal:
    """Refuse a missing key, or another one than the sandbox was started with."""
    detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
    return Refusal(problem(401, "API Key Invalid", detail))


def not_found() -> Refusal:
    """Refuse for want of such a list, member, segment, journey or path."""
    return Refusal(problem(404, "Resource Not Found", "The requested resource could not be found."))


def invalid_json() -> Refusal:
    """Refuse a body that is no JSON object."""
    detail = "We encountered an unspecified JSON parsing error."
    return Refusal(problem(400, "JSON Parse Error", detail))


def invalid_field(field: str, message: str) -> Refusal:
    """Refuse one field, named in `errors`."""
    detail = (
        "The resource submitted could not be validated. "
        "For field-specific details, see the 'errors' array."
    )
    errors = [{"field": field, "message": message}]
    return Refusal(problem(400, "Invalid Resource", detail, errors))


def invalid_merge_field(field: str, message: str) -> Refusal:
    """Refuse a value that does not suit its merge field."""
    errors = [{"field": field, "message": message}]
    return Refusal(problem(400, "Invalid Resource", "Your merge fields were invalid.", errors))


def fake_address(email: str) -> Refusal:
    """Refuse an address that Mailchimp does not believe in."""
    detail = f"{email} looks fake or invalid, please enter a real email address."
    return Refusal(problem(400, "Invalid Resource", detail))


def too_many_lists(email: str) -> Refusal:
    """Refuse a person who signed up often of late; it works again later."""
    detail = (
        f"{email} has signed up to a lot of lists very recently; "
        "we're not allowing more signups for now."
    )
    return Refusal(problem(400, "Invalid Resource", detail))


def compliance_state(email: str) -> Refusal:
    """Refuse to subscribe whom only the person itself can subscribe."""
    detail = (
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance review "
        "and cannot be subscribed."
    )
    return Refusal(problem(400, "Member In Compliance State", detail))


def forgotten(email: str) -> Refusal:
    """Refuse a contact that was deleted for good."""
    detail = (
        f"{email} was permanently deleted and cannot be re-imported. "
        "The contact must re-subscribe to get back on the list."
    )
    return Refusal(problem(400, "Forgotten Email Not Subscribed", detail))


def member_exists(email: str) -> Refusal:
    """Refuse an address that another contact has."""
    detail = f"{email} is already a list member. Use PUT to insert or update list members."
    return Refusal(problem(400, "Member Exists", detail))


def address_taken(email: str, status: str) -> Refusal:
    """Refuse to give a contact the address of another one: the reason is in `errors` alone."""
    return invalid_field(
        "email_address", f'"{email}" is already in this list with a status of "{status.title()}".'
    )


def not_to_be_renamed(status: str) -> Refusal:
    """Refuse another address to a contact that is not subscribed."""
    return invalid_field(
        "email_address", f"The address of a contact with the status {status} cannot be changed."
    )


def cannot_be_removed() -> Refusal:
    """Refuse to archive twice."""
    detail = "This list member cannot be removed.  Please contact support."
    return Refusal(problem(405, "Method Not Allowed", detail))


def too_many_requests() -> Answer:
    """Answer the eleventh of ten requests in service at once."""
    detail = "You have exceeded the limit of 10 simultaneous connections."
    return problem(429, "Too Many Requests", detail)
