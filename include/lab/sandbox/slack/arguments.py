"""What a call asks for: a form, JSON, or a query; Slack takes all three, and the token in any."""

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

from include.lab.sandbox.slack import errors
from include.lab.sandbox.wire import Call

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

Arguments = dict[str, Any]


def arguments_of(call: Call) -> Arguments:
    """Return a call's arguments without the token; refuse what cannot be read."""
    values = {**dict(parse_qsl(call.query_string, keep_blank_values=True)), **_body_of(call)}
    values.pop("token", None)
    return {name: value for name, value in values.items() if value is not None}


def token_of(call: Call) -> str:
    """Return the token of a call, or nothing."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    fields = {**dict(parse_qsl(call.query_string)), **_body_of(call)}
    return str(fields.get("token", ""))


def _body_of(call: Call) -> Arguments:
    if not call.body:
        return {}
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    if kind == JSON:
        return _json_of(call.body)
    raise errors.refused("invalid_post_type" if kind else "missing_post_type")


def _json_of(body: bytes) -> Arguments:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise errors.refused("invalid_json") from None
    if not isinstance(document, dict):
        raise errors.refused("json_not_object")
    return document


def text(arguments: Arguments, name: str) -> str:
    """Return an argument as text; missing is empty."""
    value = arguments.get(name, "")
    return value if isinstance(value, str) else str(value)


def required(arguments: Arguments, name: str) -> str:
    """Return an argument that must be there."""
    value = text(arguments, name)
    if not value:
        raise errors.refused("invalid_arguments")
    return value


def truth(arguments: Arguments, name: str, *, default: bool = False) -> bool:
    """Return a yes or no: `1`, `true`, or JSON's own."""
    value = arguments.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true")


def listed(arguments: Arguments, name: str) -> list[str]:
    """Return a comma-separated list, or JSON's own."""
    value = arguments.get(name, "")
    parts = value if isinstance(value, list) else str(value).split(",")
    return [part.strip() for part in map(str, parts) if part.strip()]


def document(arguments: Arguments, name: str, code: str) -> Any:
    """Return an argument that is JSON, or JSON as text; refuse with `code`; None where missing."""
    value = arguments.get(name)
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value) if value else None
    except orjson.JSONDecodeError:
        raise errors.refused(code) from None


def whole_number(arguments: Arguments, name: str, default: int) -> int:
    """Return a whole number; refuse what is none."""
    value = text(arguments, name)
    if not value:
        return default
    if not re.fullmatch(r"\d{1,6}", value):
        raise errors.refused("invalid_limit")
    return int(value)
