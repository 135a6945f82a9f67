"""Luma's refusals: `{"message", "code"}`, the code null as in the recorded ones."""

from include.lab.sandbox.wire import Answer, Refusal, json_answer


def error(status: int, message: str) -> Answer:
    """Return an error document."""
    return json_answer({"message": message, "code": None}, status)


def no_access() -> Refusal:
    """Refuse an event that is not there, or is another calendar's: Luma does not tell which."""
    return Refusal(error(403, "You don’t have access to this event."))  # noqa: RUF001 - recorded so


def guest_not_found() -> Refusal:
    """Refuse the id of nobody."""
    return Refusal(error(404, "Guest not found."))


def not_found() -> Refusal:
    """Refuse a path that is no operation."""
    return Refusal(error(404, "Not found."))


def unauthenticated() -> Refusal:
    """Refuse a missing key, or another one than the sandbox was started with."""
    return Refusal(error(401, "Invalid API key."))


def invalid(what: str) -> Refusal:
    """Refuse a query or a body that the operation does not take."""
    return Refusal(error(400, f"Invalid request: {what}."))


def too_many(headers: dict[str, str]) -> Answer:
    """Answer a call over the limit."""
    answer = error(429, "Rate limit exceeded.")
    answer.headers.update(headers)
    return answer
