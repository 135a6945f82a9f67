"""A deployment's `.env`: read, changed value by value, and written whole or not at all, for its owner's eyes only.

Its lines, order and comments are those of `.env.example` beside it. What is answered so far is in `.env.draft`, which
becomes `.env` when everything is there. `docker compose` and python-dotenv read them, so a value is written in a form
that both read alike.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dotenv import dotenv_values

from include.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE: Final = ".env.example"
LINE: Final = re.compile(r"^(?P<name>[A-Z_][A-Z0-9_]*)=", re.ASCII)
PLAIN: Final = re.compile(r"[\w@%+=:,./?&${}-]*", re.ASCII)
ESCAPE: Final = re.compile(r"\\(?!u).|'")  # of JSON in single quotes
INTERPOLATION: Final = re.compile(
    r"\$(?:\$|\{(?P<name>\w+)(?:(?P<operator>:?[-?])(?P<rest>[^}]*))?\})"
)


class EnvFile:
    """What `.env` says, and what it will say: `values` has what is set, an empty text where something is not used."""

    def __init__(self, path: Path) -> None:
        """Read `.env` and what an earlier start has left; raise CommandError where there is no example beside it."""
        self.path = path
        self.draft = path.with_name(f"{path.name}.draft")
        example = path.with_name(EXAMPLE)
        if not example.is_file():
            raise CommandError(
                f"{example} is not there: name a file in the folder of docker-compose.yaml and {EXAMPLE}"
            )
        self._template = example.read_text(encoding="utf-8")
        self.defaults = _values_in(self._template)
        self.values: dict[str, str] = {}
        for file in (self.path, self.draft):
            if file.is_file():
                self.values |= _values_in(file.read_text(encoding="utf-8"))

    def get(self, name: str) -> str | None:
        """Return what is set, None where nothing is."""
        return self.values.get(name)

    def set(self, name: str, value: str) -> None:
        """Set a value, and keep it through whatever happens next."""
        if self.values.get(name) != value:
            self.values[name] = value
            self._write(self.draft)

    def connection(self, name: str) -> dict[str, Any]:
        """Return what `AIRFLOW_CONN_<NAME>` says, empty where it says nothing that can be read."""
        try:
            document = json.loads(self.values.get(f"AIRFLOW_CONN_{name.upper()}") or "{}")
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def set_connection(self, name: str, document: dict[str, Any] | None) -> None:
        """Set a connection; None: it is not used."""
        self.set(f"AIRFLOW_CONN_{name.upper()}", _json(document) if document else "")

    def resolved(self) -> dict[str, str]:
        """Return all values with what `${NAME}` refers to in its place."""
        return resolved(self.values)

    def finish(self) -> None:
        """Take the example's value for what was not asked, and make the draft the file."""
        self.values = {**self.defaults, **self.values}
        self._write(self.path)
        self.draft.unlink(missing_ok=True)

    def _write(self, path: Path) -> None:
        """Replace a file in one step; a name of its own, made for the owner alone, takes its place."""
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self._rendered())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _rendered(self) -> str:
        """Return the example's text with our values; what it does not know comes last."""
        lines, known = [], set()
        for line in self._template.splitlines():
            found = LINE.match(line)
            if found is None:
                lines.append(line)
                continue
            name = found["name"]
            known.add(name)
            value = self.values.get(name)
            lines.append(f"# {name}=" if value is None else f"{name}={_quoted(name, value)}")
        others = [name for name in self.values if name not in known]
        if others:
            lines += ["", f"# --- not in {EXAMPLE} ---"]
            lines += [f"{name}={_quoted(name, self.values[name])}" for name in others]
        return "\n".join(lines) + "\n"


def _values_in(text: str) -> dict[str, str]:
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}


def _quoted(name: str, value: str) -> str:
    """Return a value as both readers take it: as it is, or in quotes between which nothing means anything."""
    if PLAIN.fullmatch(value):
        return value
    if "'" in value or "\\" in value.replace("\\u", "") or not value.isprintable():
        raise CommandError(
            f"{name} has a character that no .env can hold safely (', \\ or a control character)"
        )
    return f"'{value}'"


def _json(document: dict[str, Any]) -> str:
    """Return JSON without what the readers of `.env` see differently: a quote, a backslash before anything but u."""
    return ESCAPE.sub(lambda found: _code_point(json.loads(f'"{found[0]}"')), json.dumps(document))


def _code_point(character: str) -> str:
    return f"\\u{ord(character):04x}"


def resolved(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of `.env` with what `${NAME}` refers to in its place."""
    return {name: interpolated(value, values) for name, value in values.items()}


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """Return a text of the file with values in their places: `${A}`, `${A:-else}`, `${A:?why}`, `$$`."""

    def value(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        is_default = (found["operator"] or "").endswith("-")
        return values.get(found["name"], "") or (found["rest"] if is_default else "")

    return INTERPOLATION.sub(value, text)
