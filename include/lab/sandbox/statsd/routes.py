"""The UDP side, in the loop of everything else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from include.lab.sandbox.statsd.state import StatsdState
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.world import World

NAME = "statsd"

VENDOR = Vendor.without_http(NAME, StatsdState)


class Sink(asyncio.DatagramProtocol):
    """Takes datagrams, and never answers: StatsD does not either."""

    def __init__(self, world: World) -> None:
        """Keep samples in `world`."""
        self._world = world

    def datagram_received(self, data: bytes, _peer: tuple[str | Any, int]) -> None:
        """Keep one datagram."""
        self._world.state(StatsdState).take(data)


@asynccontextmanager
async def statsd_server(world: World) -> AsyncIterator[None]:
    """Listen while the block runs, where the settings name a port (0: any free one)."""
    wanted = world.settings.statsd_port
    if wanted is None:
        yield
        return
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Sink(world), local_addr=(world.settings.host, wanted)
    )
    world.ports[NAME] = transport.get_extra_info("sockname")[1]
    try:
        yield
    finally:
        transport.close()
