"""Passes what comes to published ports on to containers, as docker-proxy does: `ADDRESS:PORT=HOST:PORT …`."""

import asyncio
import sys
from contextlib import closing, suppress


async def pass_on(reader, writer):
    """Copy bytes until one side ends."""
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
        writer.write_eof()


async def publish(said):
    """Listen at one address for ever."""
    (address, port), (host, target) = (one.rsplit(":", 1) for one in said.split("="))

    async def connected(reader, writer):
        with closing(writer), suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection(host, int(target))
            with closing(inner_writer):
                await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer))

    server = await asyncio.start_server(connected, address, int(port))
    await server.serve_forever()


async def main():
    """Publish all ports."""
    await asyncio.gather(*map(publish, sys.argv[1:]))


if __name__ == "__main__":
    asyncio.run(main())
