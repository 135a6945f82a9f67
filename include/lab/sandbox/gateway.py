"""One way in for every vendor: count, order of faults, authorize, answer, record."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from include.lab.sandbox.faults import Fault
from include.lab.sandbox.vendor import Switches, Vendor
from include.lab.sandbox.wire import Answer, Call, Refusal
from include.lab.sandbox.world import World

CUT_OFF = 0
"""The status recorded for a call whose connection was cut instead of answered."""

RESET = "sandbox.reset"
"""Key of the scope under which the protocol offers its way to reset the connection."""


class Checker(Protocol):
    """Holds calls and answers against the vendors' descriptions."""

    def check_request(self, vendor: str, call: Call, switches: Switches) -> None:
        """Record what does not fit in a request; never raise for it."""

    def check_answer(self, vendor: str, call: Call, answer: Answer, switches: Switches) -> None:
        """Record what does not fit in an answer; never raise for it."""


class Gateway:
    """The ASGI application in front of one vendor."""

    def __init__(self, vendor: Vendor, world: World, checker: Checker | None) -> None:
        """Serve `vendor` out of `world`."""
        self.vendor = vendor
        self.world = world
        self.checker = checker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or cut it off."""
        call = await call_from(scope, receive, prefix=f"/{self.vendor.name}{self.vendor.base}")
        with self.world.calls.in_service(self.vendor.name) as at_once:
            answer, fault = await self._served(call, at_once)
            self._record(call, answer, fault)
            if answer is None:
                await reset_connection(scope, receive)
            else:
                await respond(send, answer)

    async def _served(self, call: Call, at_once: int) -> tuple[Answer | None, Fault | None]:
        """Return the answer (None: cut off) and the fault that had a hand in it."""
        # In service for at least one turn of the loop: calls that arrive together overlap.
        await asyncio.sleep(0)
        if self.vendor.most_at_once is not None and at_once > self.vendor.most_at_once:
            return self.vendor.too_many(), None
        if seconds := self.world.switches.service_seconds.get(self.vendor.name):
            await asyncio.sleep(seconds)
        fault = self.world.faults.firing(self.vendor.name, call)
        if fault is None:
            return self.answer(call), None
        return await self._faulty(call, fault), fault

    async def _faulty(self, call: Call, fault: Fault) -> Answer | None:
        if fault.kind == "status":
            return fault.answer()
        if fault.kind in ("delay", "stall"):
            await asyncio.sleep(fault.seconds)
        if fault.kind in ("delay", "lost_answer"):
            answer = self.answer(call)
            return answer if fault.kind == "delay" else None
        return None

    def answer(self, call: Call) -> Answer:
        """Let the vendor answer; its refusals are answers too."""
        try:
            self.vendor.authorize(self.world.settings, call)
            found = self.vendor.routes.find(call)
            if found is None:
                return self.vendor.no_such_route(call)
            handler, values = found
            state = self.world.states[self.vendor.name]
            return self.vendor.around(state, call, lambda: handler(state, call, **values))
        except Refusal as refusal:
            return refusal.answer

    def _record(self, call: Call, answer: Answer | None, fault: Fault | None) -> None:
        self.world.calls.add(
            at=self.world.clock.now(),
            vendor=self.vendor.name,
            call=call,
            status=CUT_OFF if answer is None else answer.status,
            fault=fault.id if fault else None,
        )
        if self.checker is None:
            return
        self.checker.check_request(self.vendor.name, call, self.world.switches)
        if answer is not None and (fault is None or fault.kind == "delay"):
            self.checker.check_answer(self.vendor.name, call, answer, self.world.switches)


async def call_from(scope: Scope, receive: Receive, *, prefix: str) -> Call:
    """Read the whole request; `prefix` is what the vendor's description leaves out of its paths."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    path: str = scope["path"]
    return Call(
        method=scope["method"],
        path=path.removeprefix(prefix) or "/",
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers_of(scope),
        body=body,
    )


def headers_of(scope: Scope) -> Mapping[str, str]:
    """Return the request's headers by lower-case name."""
    return {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}


async def respond(send: Send, answer: Answer) -> None:
    """Send an answer; without a content type nothing but the status and its headers."""
    headers = [(k.lower().encode(), v.encode()) for k, v in answer.headers.items()]
    if answer.status != HTTPStatus.NO_CONTENT:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    if answer.content_type is not None:
        headers.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def reset_connection(scope: Scope, receive: Receive) -> None:
    """Cut the connection with a TCP reset and wait until it is gone."""
    reset: Callable[[], Any] = scope[RESET]
    reset()
    while (await receive())["type"] != "http.disconnect":
        pass
