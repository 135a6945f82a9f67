"""Stripe's error envelope and texts (docs.stripe.com/api/errors)."""

from typing import Any

from include.sandbox.wire import Answer, Refusal, json_answer

INVALID = "invalid_request_error"


def error(status: int, kind: str, message: str, **more: Any) -> Answer:  # noqa: ANN401
    """Return an error in Stripe's envelope."""
    return json_answer({"error": {"type": kind, "message": message, **more}}, status)


def no_such(thing: str, object_id: str, param: str = "id") -> Refusal:
    """There is no object of that id."""
    message = f"No such {thing}: '{object_id}'"
    return Refusal(error(404, INVALID, message, code="resource_missing", param=param))


def no_such_reference(thing: str, object_id: str, param: str) -> Refusal:
    """A parameter names an object that is not there."""
    message = f"No such {thing}: '{object_id}'"
    return Refusal(error(400, INVALID, message, code="resource_missing", param=param))


def unknown_url(method: str, path: str) -> Answer:
    """Answer for a path that is none of Stripe's."""
    message = f"Unrecognized request URL ({method}: {path})."
    return error(404, INVALID, message)


def no_key() -> Refusal:
    """No key came along."""
    return Refusal(error(401, INVALID, "You did not provide an API key."))


def invalid_key() -> Refusal:
    """The key is another one than the sandbox was started with; it is not repeated here."""
    return Refusal(error(401, INVALID, "Invalid API Key provided: sk_****"))


def missing(param: str) -> Refusal:
    """A required parameter is not there."""
    message = f"Missing required param: {param}."
    return Refusal(error(400, INVALID, message, code="parameter_missing", param=param))


def unknown(param: str) -> Refusal:
    """The operation has no such parameter."""
    message = f"Received unknown parameter: {param}"
    return Refusal(error(400, INVALID, message, code="parameter_unknown", param=param))


def invalid(param: str, message: str, code: str = "parameter_invalid_empty") -> Refusal:
    """A parameter's value is not allowed."""
    return Refusal(error(400, INVALID, message, code=code, param=param))


def not_now(message: str) -> Refusal:
    """The object is in a state that does not allow this."""
    return Refusal(error(400, INVALID, message))


def key_reused(key: str) -> Refusal:
    """An idempotency key came with other parameters than the first time."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were "
        f"first used with. Try using a key other than '{key}' if you meant to execute a different request."
    )
    return Refusal(error(400, "idempotency_error", message))
