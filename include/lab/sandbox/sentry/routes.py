"""Sentry's intake, one route: `POST /api/{project}/envelope/`. A DSN is `http://<key>@<sandbox>/sentry/<project>`.

An envelope is lines: a header, then for each item a header that names type and length, and its payload.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.vendor import Surroundings, Vendor
from include.lab.sandbox.wire import Answer, Call, Refusal, Routes, json_answer

ROUTES = Routes()
KEY = re.compile(r"sentry_key=\w+")

Json = dict[str, Any]


class SentryState:
    """The events, oldest first."""

    def __init__(self, _around: Surroundings) -> None:
        """Start without any."""
        self.events: list[Json] = []

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return the events; one, or all."""
        return {"events": [one for one in self.events if wanted in (None, one.get("event_id"))]}


@ROUTES.on("POST", "/api/{project}/envelope/")
def take_envelope(state: SentryState, call: Call, project: str) -> Answer:  # noqa: ARG001 - one is as good as another
    """Keep the events of an envelope, and answer with its id."""
    try:
        header, *items = items_from(call)
    except (ValueError, KeyError, IndexError, zlib.error, OSError):
        raise Refusal(json_answer({"detail": "invalid envelope"}, 400)) from None
    state.events += [item for kind, item in items if kind == "event"]
    return json_answer({"id": header[1].get("event_id")})


def items_from(call: Call) -> Iterator[tuple[str, Json]]:
    """Yield the envelope's header, then each item that is JSON, with its type."""
    body = (
        gzip.decompress(call.body) if call.headers.get("content-encoding") == "gzip" else call.body
    )
    line, _, rest = body.partition(b"\n")
    yield "header", orjson.loads(line)
    while rest.strip():
        line, _, rest = rest.partition(b"\n")
        head = orjson.loads(line)
        length = head.get("length", rest.find(b"\n") if b"\n" in rest else len(rest))
        payload, rest = rest[:length], rest[length:].lstrip(b"\n")
        if head["type"] in ("event", "transaction", "session"):
            yield head["type"], orjson.loads(payload)


def authorize(_settings: SandboxSettings, call: Call) -> None:
    """Want the key of the DSN in the header that Sentry's clients send."""
    if not KEY.search(call.headers.get("x-sentry-auth", "")):
        raise Refusal(json_answer({"detail": "missing authorization information"}, 401))


VENDOR = Vendor(
    name="sentry",
    base="",
    description=lambda _call, _switches: None,  # Sentry describes envelopes in prose
    routes=ROUTES,
    new_state=SentryState,
    authorize=authorize,
    no_such_route=lambda _call: json_answer({"detail": "not found"}, 404),
)
