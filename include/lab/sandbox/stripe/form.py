"""Stripe's requests: form fields with brackets, as a tree of dicts, lists and strings."""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl

from include.lab.sandbox.stripe import errors

PART = re.compile(r"[^\[\]]+")

Form = dict[str, Any]


def parse(text: str) -> Form:
    """Turn `items[0][price]=p` into `{"items": [{"price": "p"}]}`; values stay text."""
    tree: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        path = [*PART.findall(name), *([""] if name.endswith("[]") else [])]
        if not path or not _put(tree, path, value):
            raise errors.unknown(name)
    return {name: _lists(value) for name, value in tree.items()}


def _put(tree: Form, path: list[str], value: str) -> bool:
    """Put a value into its place; False where another value is in the way."""
    node: Any = tree
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            return False
    node[path[-1] or str(len(node))] = value
    return True


def _lists(value: Any) -> Any:
    """Turn dicts whose keys are all numbers into lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(item) for name, item in value.items()}
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def refuse_unknown(form: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse parameters that the operation does not have."""
    for name in form:
        if name not in allowed and name != "expand":
            raise errors.unknown(name)


def whole_number(form: Mapping[str, Any], name: str) -> int | None:
    """Return an integer parameter; None where it is missing or empty."""
    text = form.get(name)
    if text in (None, ""):
        return None
    if not isinstance(text, str) or not re.fullmatch(r"-?\d+", text):
        raise errors.invalid(name, f"Invalid integer: {text}", "parameter_invalid_integer")
    return int(text)


def truth(form: Mapping[str, Any], name: str) -> bool | None:
    """Return a boolean parameter; None where it is missing."""
    text = form.get(name)
    if text is None:
        return None
    if text not in ("true", "false"):
        raise errors.invalid(name, f"Invalid boolean: {text}")
    return bool(text == "true")


def merged_metadata(old: Mapping[str, str], new: Any) -> dict[str, str]:
    """Merge metadata key by key; an empty value takes a key away, an empty whole takes all away."""
    if new == "":
        return {}
    return {key: value for key, value in {**old, **(new or {})}.items() if value != ""}
