"""Clerk's error documents (clerk.com/docs/errors/backend-api)."""

from secrets import token_hex
from typing import Any

from include.lab.sandbox.wire import Answer, Refusal, json_answer


def error(
    status: int, code: str, message: str, long_message: str, meta: dict[str, Any] | None = None
) -> Answer:
    """Return an error document with one error."""
    entry = {"message": message, "long_message": long_message, "code": code, "meta": meta or {}}
    return json_answer({"errors": [entry], "clerk_trace_id": token_hex(16)}, status)


def user_not_found(user_id: str) -> Refusal:
    """Refuse the id of nobody."""
    text = f"No user was found with id {user_id}."
    return Refusal(error(404, "resource_not_found", "not found", text))


def not_found() -> Refusal:
    """Refuse what is not there."""
    return Refusal(error(404, "resource_not_found", "not found", "Resource not found"))


def unauthenticated() -> Refusal:
    """Refuse a missing key, or another one than the sandbox was started with."""
    text = (
        "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct."
    )
    return Refusal(
        error(401, "clerk_key_invalid", "The provided Clerk Secret Key is invalid.", text)
    )


def invalid_json() -> Refusal:
    """Refuse a body that is no JSON object."""
    text = "The request body is invalid. Please consult the API documentation for more information."
    return Refusal(error(400, "request_body_invalid", "Request body invalid", text))


def address_taken() -> Refusal:
    """Refuse an address that another user has."""
    text = "That email address is taken. Please try another."
    meta = {"param_name": "email_address"}
    return Refusal(error(422, "form_identifier_exists", text, text, meta))


def address_invalid() -> Refusal:
    """Refuse what is no address."""
    meta = {"param_name": "email_address"}
    text = "email_address must be a valid email address."
    return Refusal(error(422, "form_param_format_invalid", "is invalid", text, meta))


def unknown_parameter(name: str) -> Refusal:
    """Refuse a field that the operation does not know."""
    text = f"{name} is not a valid parameter for this request."
    return Refusal(error(422, "form_param_unknown", "is unknown", text, {"param_name": name}))


def invalid_parameter(name: str) -> Refusal:
    """Refuse a value of the query that is not allowed."""
    text = f"{name} has an invalid value."
    return Refusal(error(400, "form_param_value_invalid", "is invalid", text, {"param_name": name}))
