"""`${NAME}` in compose files and `.env`, as the Compose Specification has it, and the `.env` file itself."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Any

from dotenv.parser import parse_stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?P<operator>:?[-?+])?)"
)


class MissingVariableError(Exception):
    """A variable is not set; the text is what the file says about it."""


def interpolated(tree: Any, variables: Mapping[str, str]) -> Any:
    """Return a tree of YAML with every reference in its values replaced."""
    if isinstance(tree, dict):
        return {key: interpolated(value, variables) for key, value in tree.items()}
    if isinstance(tree, list):
        return [interpolated(value, variables) for value in tree]
    return expanded(tree, variables) if isinstance(tree, str) else tree


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with its references replaced; raise MissingVariableError for `${X:?why}` without X."""
    parts, position = [], 0
    while found := REFERENCE.search(text, position):
        parts.append(text[position : found.start()])
        position = found.end()
        if found["escaped"]:
            parts.append("$")
        elif found["plain"]:
            parts.append(variables.get(found["plain"], ""))
        else:
            end = _closing(text, position)
            word = text[position:end]
            parts.append(_value(found["name"], found["operator"] or "", word, variables))
            position = end + 1
    return "".join([*parts, text[position:]])


def _closing(text: str, start: int) -> int:
    """Return where the brace that is open at `start` ends: a default may have braces of its own."""
    depth = 1
    for position in range(start, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if not depth:
            return position
    raise ValueError(f"a brace is not closed: {text}")


def _value(name: str, operator: str, word: str, variables: Mapping[str, str]) -> str:
    value = variables.get(name)
    is_set = value is not None and not (operator.startswith(":") and not value)
    match operator[-1:]:
        case "-":
            return value if is_set else expanded(word, variables)
        case "+":
            return expanded(word, variables) if is_set else ""
        case "?" if not is_set:
            raise MissingVariableError(f"{name}: {expanded(word, variables)}")
    return value or ""


def read_env_files(*paths: Path) -> dict[str, str]:
    """Return what `.env` files set, later ones over earlier ones.

    A value in single quotes is literal; others may refer to names above them.
    """
    found: dict[str, str] = {}
    for path in paths:
        for binding in parse_stream(StringIO(path.read_text())):
            if binding.error:
                raise ValueError(f"{path.name}: {binding.original.string.strip()}")
            if binding.key is not None:
                is_literal = binding.original.string.partition("=")[2].lstrip().startswith("'")
                value = binding.value or ""
                found[binding.key] = value if is_literal else expanded(value, found)
    return found
