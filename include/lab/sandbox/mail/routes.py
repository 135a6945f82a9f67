"""The mail server: SMTP by aiosmtpd, in the loop of everything else; faults hit the sending of a mail.

A `status` fault is the reply's code (451: later, 550: never). `reset` and `lost_answer` cut the connection,
the latter after the mail was taken.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from include.lab.sandbox.faults import Fault
from include.lab.sandbox.gateway import CUT_OFF
from include.lab.sandbox.mail.state import MailState
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import Call
from include.lab.sandbox.world import World

NAME = "mail"
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's: it writes every address down
TAKEN = "250 OK: queued"

VENDOR = Vendor.without_http(NAME, MailState)


class MailHandler:
    """What aiosmtpd hands the mails to."""

    def __init__(self, world: World) -> None:
        """Keep mails and calls in `world`."""
        self._world = world

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a mail, or fail as was ordered."""
        content = envelope.content or b""
        body = content.encode() if isinstance(content, str) else content
        call = Call("SEND", "/mails", "", {}, body)
        with self._world.calls.in_service(NAME):
            fault = self._world.faults.firing(NAME, call)
            reply = await self._replied(envelope, body, fault)
        self._world.calls.add(
            at=self._world.clock.now(),
            vendor=NAME,
            call=call,
            status=CUT_OFF if reply is None else int(reply[:3]),
            fault=fault.id if fault else None,
        )
        if reply is None:
            cast("asyncio.Transport", server.transport).abort()
        return reply or TAKEN

    async def _replied(self, envelope: Envelope, body: bytes, fault: Fault | None) -> str | None:
        """Return the reply; None cuts the connection."""
        if fault is not None:
            if fault.kind == "status":
                return f"{fault.status} ordered"
            if fault.kind in ("delay", "stall"):
                await asyncio.sleep(fault.seconds)
            if fault.kind in ("reset", "stall"):
                return None
        mails = self._world.state(MailState)
        mails.take(envelope.mail_from or "", list(envelope.rcpt_tos), body)
        return None if fault is not None and fault.kind == "lost_answer" else TAKEN


@asynccontextmanager
async def mail_server(world: World) -> AsyncIterator[None]:
    """Listen while the block runs, where the settings name a port (0: any free one)."""
    wanted = world.settings.smtp_port
    if wanted is None:
        yield
        return
    loop = asyncio.get_running_loop()
    handler = MailHandler(world)
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="sandbox", enable_SMTPUTF8=True, loop=loop),
        world.settings.host,
        wanted,
    )
    world.ports[NAME] = server.sockets[0].getsockname()[1]
    async with server:
        yield
