"""Stripe's error envelope and texts (docs.stripe.com/api/errors)."""

from typing import Any

from include.lab.sandbox.wire import Answer, Refusal, json_answer

INVALID = "invalid_request_error"


def error(status: int, kind: str, message: str, **more: Any) -> Answer:
    """Return an error in Stripe's envelope."""
    return json_answer({"error": {"type": kind, "message": message, **more}}, status)


def no_such(thing: str, object_id: str, param: str = "id") -> Refusal:
    """Refuse the id of nothing."""
    message = f"No such {thing}: '{object_id}'"
    return Refusal(error(404, INVALID, message, code="resource_missing", param=param))


def no_such_reference(thing: str, object_id: str, param: str) -> Refusal:
    """Refuse a parameter that names an object that is not there."""
    message = f"No such {thing}: '{object_id}'"
    return Refusal(error(400, INVALID, message, code="resource_missing", param=param))


def unknown_url(method: str, path: str) -> Answer:
    """Answer for a path that is none of Stripe's."""
    message = f"Unrecognized request URL ({method}: {path})."
    return error(404, INVALID, message)


def no_key() -> Refusal:
    """Refuse a request without a key."""
    return Refusal(error(401, INVALID, "You did not provide an API key."))


def invalid_key() -> Refusal:
    """Refuse another key than the sandbox was started with; it is not repeated here."""
    return Refusal(error(401, INVALID, "Invalid API Key provided: sk_****"))


def missing(param: str) -> Refusal:
    """Refuse for want of a parameter."""
    message = f"Missing required param: {param}."
    return Refusal(error(400, INVALID, message, code="parameter_missing", param=param))


def unknown(param: str) -> Refusal:
    """Refuse a parameter that the operation does not have."""
    message = f"Received unknown parameter: {param}"
    return Refusal(error(400, INVALID, message, code="parameter_unknown", param=param))


def invalid(param: str, message: str, code: str = "parameter_invalid_empty") -> Refusal:
    """Refuse the value of a parameter."""
    return Refusal(error(400, INVALID, message, code=code, param=param))


def not_now(message: str) -> Refusal:
    """Refuse what the state of the object does not allow."""
    return Refusal(error(400, INVALID, message))


def key_reused(key: str) -> Refusal:
    """Refuse an idempotency key that came with other parameters the first time."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request."
    )
    return Refusal(error(400, "idempotency_error", message))
