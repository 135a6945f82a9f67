"""Slack's answers: a refusal is a 200 with `ok: false` (docs.slack.dev/apis/web-api/#responses)."""

from typing import Any

from include.lab.sandbox.wire import Answer, Refusal, json_answer

JSON = "application/json; charset=utf-8"
TEXT = "text/html"
TOO_MANY_REQUESTS = 429


def done(**fields: Any) -> Answer:
    """Return the answer of a call that worked."""
    return json_answer({"ok": True, **fields}, content_type=JSON)


def refused(code: str, **more: Any) -> Refusal:
    """Refuse with a code."""
    return Refusal(error(code, **more))


def error(code: str, **more: Any) -> Answer:
    """Return a refusal as the answer it is."""
    return json_answer({"ok": False, "error": code, **more}, content_type=JSON)


def rate_limited(seconds: int) -> Refusal:
    """Refuse a call that came too soon; a method of the Web API works again after `seconds`."""
    answer = json_answer({"ok": False, "error": "ratelimited"}, TOO_MANY_REQUESTS, JSON)
    answer.headers["Retry-After"] = str(seconds)
    return Refusal(answer)


def text(status: int, body: str, **headers: str) -> Answer:
    """Return what an incoming webhook answers: a word, no JSON."""
    return Answer(status, body.encode(), TEXT, headers)
