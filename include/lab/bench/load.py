"""The load generator: requests that were made ahead, written to sockets by a process of its own.

`python -m include.lab.bench.load` reads a `LoadPlan` and the requests from its standard input and writes an
`LoadResult` to its standard output. It knows nothing of webhooks; times are of the monotonic clock, which
all processes of the machine share.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import struct
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any, Self

import uvloop

from include.lab.bench.errors import BenchError
from include.lab.stack.layout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOST = "127.0.0.1"
LENGTH = struct.Struct("!I")
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
GRACE_SECONDS = 30  # for the answers that are on their way when the time is over


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """How to send: at most for `seconds`, `rate` a second, or (None) as fast as answers come."""

    port: int
    connections: int
    seconds: float
    rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What came of it. `latencies`: seconds from the moment a request was due to its answer."""

    first_sent_at: float
    last_answer_at: float
    statuses: dict[str, int]
    latencies: list[float]
    cpu_seconds: float

    @property
    def seconds(self) -> float:
        """Return how long it took in all."""
        return self.last_answer_at - self.first_sent_at

    def require_success(self) -> Self:
        """Return itself if every request was answered with 2xx; raise BenchError if not."""
        bad = {status: count for status, count in self.statuses.items() if status[0] != "2"}
        if bad:
            raise BenchError(f"answers that are no success: {bad}")
        return self


def generate(plan: LoadPlan, requests: Sequence[bytes]) -> LoadResult:
    """Send the requests from a process of its own, and return what came of them."""
    order = io.BytesIO()
    write_order(order, plan, requests)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "include.lab.bench.load"],
            input=order.getbuffer(),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            timeout=plan.seconds + 2 * GRACE_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise BenchError("the load generator did not end in time") from None
    except subprocess.CalledProcessError as error:
        raise BenchError(f"the load generator failed with {error.returncode}") from None
    return LoadResult(**json.loads(done.stdout))


def write_order(pipe: IO[bytes], plan: LoadPlan, requests: Sequence[bytes]) -> None:
    """Write what `read_order` reads."""
    for block in (json.dumps(asdict(plan)).encode(), *requests):
        pipe.write(LENGTH.pack(len(block)))
        pipe.write(block)


def read_order(pipe: IO[bytes]) -> tuple[LoadPlan, list[bytes]]:
    """Read a plan and its requests until the pipe's end."""
    blocks = list(_blocks(pipe))
    return LoadPlan(**json.loads(blocks[0])), blocks[1:]


def _blocks(pipe: IO[bytes]) -> Iterator[bytes]:
    while head := pipe.read(LENGTH.size):
        yield pipe.read(LENGTH.unpack(head)[0])


class KeptConnection:
    """One connection that stays open: a request, its answer, the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over the two ends."""
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection(HOST, port))

    async def exchange(self, request: bytes) -> str:
        """Send a request and return its answer's status, once the answer has been read whole."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, length = STATUS.match(head), CONTENT_LENGTH.search(head)
        if status is None or length is None:
            raise BenchError("an answer without a status or a length")
        await self._reader.readexactly(int(length[1]))
        return status[1].decode()


class LoadSender:
    """Sends all requests of an order and takes notes."""

    def __init__(self, plan: LoadPlan, requests: Sequence[bytes]) -> None:
        """Prepare; nothing is sent yet."""
        self._plan, self._requests = plan, iter(requests)
        self._statuses: Counter[str] = Counter()
        self._latencies: list[float] = []

    async def run(self) -> LoadResult:
        """Open the connections, send, and say what came of it."""
        count = self._plan.connections
        connections = [await KeptConnection.open(self._plan.port) for _ in range(count)]
        started = time.monotonic()
        send = self._send_at_once if self._plan.rate is None else self._send_steadily
        await asyncio.wait_for(
            send(connections, started + self._plan.seconds), self._plan.seconds + GRACE_SECONDS
        )
        return LoadResult(
            first_sent_at=started,
            last_answer_at=time.monotonic(),
            statuses=dict(self._statuses),
            latencies=self._latencies,
            cpu_seconds=time.process_time(),
        )

    async def _send_at_once(self, connections: list[KeptConnection], until: float) -> None:
        """Keep every connection busy."""
        await asyncio.gather(*(self._keep_busy(connection, until) for connection in connections))

    async def _keep_busy(self, connection: KeptConnection, until: float) -> None:
        for request in self._requests:
            due = time.monotonic()
            if due > until:
                return
            await self._exchange(connection, request, due)

    async def _send_steadily(self, connections: list[KeptConnection], until: float) -> None:
        """Send each request when it is due, whether or not those before it are answered."""
        free: asyncio.Queue[KeptConnection] = asyncio.Queue()
        for connection in connections:
            free.put_nowait(connection)
        due, pending = time.monotonic(), set()
        for request in self._requests:
            if due > until:
                break
            await asyncio.sleep(due - time.monotonic())
            task = asyncio.create_task(self._borrow(free, request, due))
            pending.add(task)
            task.add_done_callback(pending.discard)
            due += 1 / (self._plan.rate or 1)
        await asyncio.gather(*pending)

    async def _borrow(
        self, free: asyncio.Queue[KeptConnection], request: bytes, due: float
    ) -> None:
        """Wait for a connection that is free; the wait is part of the latency."""
        connection = await free.get()
        await self._exchange(connection, request, due)
        free.put_nowait(connection)

    async def _exchange(self, connection: KeptConnection, request: bytes, due: float) -> None:
        self._statuses[await connection.exchange(request)] += 1
        self._latencies.append(time.monotonic() - due)


async def _answer(plan: LoadPlan, requests: Sequence[bytes]) -> dict[str, Any]:
    return asdict(await LoadSender(plan, requests).run())


def main() -> None:
    """Carry out the order on the standard input."""
    plan, requests = read_order(sys.stdin.buffer)
    json.dump(uvloop.run(_answer(plan, requests)), sys.stdout)


if __name__ == "__main__":
    main()
