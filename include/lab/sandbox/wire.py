"""What a vendor sees of a request, what it says back, and the table between the two."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate
from urllib.parse import parse_qs

import orjson
from starlette.routing import compile_path

JSON = "application/json"

Json = dict[str, Any]
Handler = Callable[Concatenate[Any, "Call", ...], "Answer"]
WireRoute = tuple[re.Pattern[str], Handler]


@dataclass(slots=True)
class Call:
    """One request to a vendor. `path` is the path as the vendor's own description writes it."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name, each a list as it may repeat."""
        return parse_qs(self.query_string, keep_blank_values=True) if self.query_string else {}

    def mentions(self, words: Iterable[str]) -> bool:
        """Tell whether path or body hold one of these words; small and capital letters are the same."""
        text = f"{self.path}\n{self.body.decode(errors='replace')}".lower()
        return any(word.lower() in text for word in words)

    def argument(self, name: str, default: str = "") -> str:
        """Return the last value of a query argument."""
        return self.query.get(name, [default])[-1]


def basic_of(call: Call) -> tuple[str, str]:
    """Return user and password of basic authorization; empty where there is none that can be read."""
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


@dataclass(slots=True)
class Answer:
    """One answer. Without a content type there is no body and no header that names one."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818 - an answer on its way out, no failure of the sandbox
    """The vendor says no; carries the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        """Keep the answer that the gateway will send."""
        super().__init__(f"answered {answer.status}")
        self.answer = answer


def json_answer(document: Any, status: int = 200, content_type: str = JSON) -> Answer:
    """Return a JSON answer."""
    return Answer(status, orjson.dumps(document), content_type)


NO_CONTENT = Answer(204)


class Routes:
    """A vendor's operations, in the order of writing; the first that fits answers."""

    def __init__(self) -> None:
        """Start empty."""
        self._table: dict[str, list[WireRoute]] = {}

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Register a function `(state, call, **values)` for a method and a path with {names}."""

        def register(handler: Handler) -> Handler:
            pattern, _, _ = compile_path(path)
            self._table.setdefault(method, []).append((pattern, handler))
            return handler

        return register

    def find(self, call: Call) -> tuple[Handler, dict[str, str]] | None:
        """Return the handler of a call and the values in its path, or None."""
        for pattern, handler in self._table.get(call.method, ()):
            if match := pattern.match(call.path):
                return handler, match.groupdict()
        return None
