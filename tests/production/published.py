"""Passes what comes to published ports on to containers, as docker-proxy does: `ADDRESS:PORT=HOST:PORT …`.

It says one line as soon as it listens at all of them.
"""

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
    """Listen at one address; return who does."""
    (address, port), (host, target) = (one.rsplit(":", 1) for one in said.split("="))

    async def connected(reader, writer):
        with closing(writer), suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection(host, int(target))
            with closing(inner_writer):
                await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer))

    return await asyncio.start_server(connected, address, int(port))


async def main():
    """Publish all ports for ever."""
    servers = await asyncio.gather(*map(publish, sys.argv[1:]))
    sys.stdout.write("published\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
