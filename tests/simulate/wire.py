"""The vendors answer in this process: what our clients send is read and answered at once, without a socket.

What is left out is the network alone: each vendor's own package writes the request and reads the answer, and the
sandbox's way in (faults, rights, routes) is the one that it has on a port. One call at a time, so a story is the
same each time that it is played.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from email.message import Message
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.response import addinfourl

import requests
import slack_sdk.web.base_client
import urllib3

from include.lab.sandbox.server import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from urllib.request import Request

    from include.lab.sandbox.settings import SandboxSettings

HOST = "sandbox.invalid"  # no name of the real world: what does not come here goes nowhere


class Wire:
    """A sandbox without a server, and its address for the clients' settings."""

    url = f"http://{HOST}"

    def __init__(self, settings: SandboxSettings) -> None:
        """Make the sandbox's world."""
        self._app = create_app(settings)
        self.world = self._app.world

    def answer(
        self, method: str, url: str, headers: Mapping[str, Any], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Return a vendor's answer: status, headers, body."""
        parts = urlsplit(url)
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(parts.path),
            "query_string": parts.query.encode(),
            "headers": [(k.lower().encode(), _text(v).encode()) for k, v in headers.items()],
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        _run(self._app.gateways[parts.path.split("/", 2)[1]](scope, receive, send))
        start, content = sent
        named = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], named, content["body"]

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Let `requests`, and what Slack's package has of `urllib`, come here while the block runs."""
        ways = (
            patch.object(requests.adapters.HTTPAdapter, "send", self._send()),
            patch.object(requests.sessions, "get_environ_proxies", lambda *_, **__: {}),
            patch.object(slack_sdk.web.base_client, "urlopen", self._opened),
        )
        with ways[0], ways[1], ways[2]:
            yield

    def _send(self) -> Any:
        def send(adapter: Any, request: requests.PreparedRequest, **_: Any) -> requests.Response:
            body = _bytes(request.body)
            status, headers, content = self.answer(
                request.method, request.url, request.headers, body
            )
            raw = io.BytesIO(content)
            answer = urllib3.HTTPResponse(raw, headers, status, preload_content=False)
            return adapter.build_response(request, answer)

        return send

    def _opened(self, request: Request, **_: Any) -> addinfourl:
        headers, body = dict(request.header_items()), _bytes(request.data)
        status, named, content = self.answer(request.get_method(), request.full_url, headers, body)
        message = Message()
        for name, value in named.items():
            message[name] = value
        answer = addinfourl(io.BytesIO(content), message, request.full_url, status)
        if status >= HTTPStatus.BAD_REQUEST:
            phrase = HTTPStatus(status).phrase
            raise HTTPError(request.full_url, status, phrase, message, answer)
        return answer


def _run(work: Any) -> None:
    """Go through what never waits for anything but its turn."""
    while True:
        try:
            work.send(None)
        except StopIteration:
            return


def _bytes(body: str | bytes | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
