"""PagerDuty's refusals, as the vendor's own clients quote them."""

from collections.abc import Sequence

from include.lab.sandbox.wire import Answer, Refusal, json_answer


def invalid(wrong: Sequence[str]) -> Refusal:
    """Refuse an event, naming all that is wrong with it."""
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(wrong)}
    return Refusal(json_answer(body, 400))


def not_found() -> Answer:
    """Answer at a path that is none."""
    return json_answer({"status": "not found", "message": "Not Found"}, 404)
