"""All vendors on one port: `python -m include.lab.sandbox.server`.

`/stripe/v1/…`, `/mailchimp/3.0/…`, `/slack/api/…` and so on answer as the vendors do; `/_sandbox` is the control
interface (its documentation: `/_sandbox/docs`).
"""

import socket
import struct
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from include.lab.sandbox.control import create_control
from include.lab.sandbox.gateway import RESET, Gateway
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.world import World

if TYPE_CHECKING:
    from include.lab.sandbox.contracts import Contracts

ROOMS = sorted(path.parent.name for path in Path(__file__).parent.glob("*/routes.py"))
VENDORS: tuple[Vendor, ...] = tuple(
    import_module(f"include.lab.sandbox.{room}.routes").VENDOR for room in ROOMS
)
"""All vendors: one package with routes adds another."""


class Sandbox:
    """The ASGI application: a request goes by its first path segment."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Make the world; nothing is opened yet."""
        self.world = World(settings, VENDORS)
        self.contracts = self._contracts(settings)
        self.control = create_control(self.world, self.contracts)
        self.gateways = {
            vendor.name: Gateway(vendor, self.world, self.contracts) for vendor in VENDORS
        }

    def _contracts(self, settings: SandboxSettings) -> "Contracts | None":
        """Return the check against the descriptions, listening to events; None where it is off."""
        if not settings.contracts_dirs:
            return None
        from include.lab.sandbox.contracts import Contracts  # noqa: PLC0415 - slow, and not in the image

        contracts = Contracts(settings.contracts_dirs, VENDORS)
        self.world.outbox.on_new.append(contracts.check_event)
        return contracts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to a vendor's gateway, or to the control interface."""
        if scope["type"] == "http":
            gateway = self.gateways.get(scope["path"].split("/", 2)[1])
            if gateway is not None:
                await gateway(scope, receive, send)
                return
        await self.control(scope, receive, send)


def create_app(settings: SandboxSettings) -> Sandbox:
    """Return the application; it does nothing before its first request."""
    return Sandbox(settings)


class ResettableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a way to reset the connection instead of answering."""

    def on_message_begin(self) -> None:
        """Offer the way with each request."""
        super().on_message_begin()
        self.scope[RESET] = self.reset  # type: ignore[literal-required]

    def reset(self) -> None:
        """Close so that the peer gets a TCP RST: `SO_LINGER` with no time to linger."""
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        self.transport.abort()


def create_server(settings: SandboxSettings) -> uvicorn.Server:
    """Return the server, ready to run."""
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=ResettableProtocol,
        ws="none",
        access_log=False,
        log_level="warning",
        backlog=4096,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def main() -> None:
    """Serve until told to stop."""
    create_server(SandboxSettings()).run()


if __name__ == "__main__":
    main()
