"""What is measured: something that takes webhooks and is done with them at some time."""

from __future__ import annotations

import http.client
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from include.lab.bench.errors import BenchError
from include.lab.bench.load import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from include.lab.bench.sandbox import BenchMember
    from include.lab.bench.webhooks import Webhook

TIMEOUT_SECONDS = 30  # for one answer
FIRST_SECONDS, SECONDS_EACH, LONGEST_SECONDS = 120, 6, 1500  # after that it is not slow but stuck


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookProgress:
    """How many webhooks since a mark have ended, well or otherwise; `reason` is of one that did not."""

    done: int
    failed: int
    reason: str | None = None


class Contender(Protocol):
    """The product, or plain Airflow."""

    name: str
    port: int  # where requests go

    def request(self, webhook: Webhook) -> bytes:
        """Return the HTTP request that brings a webhook in."""
        ...

    def mark(self) -> int:
        """Return what tells the webhooks that come from now on from the earlier ones."""
        ...

    def progress(self, mark: int) -> WebhookProgress:
        """Tell how far the webhooks since `mark` are, as another process sees it: committed."""
        ...

    def enrol(self, members: Sequence[BenchMember]) -> None:
        """Make members known to it, as active ones whose last change is long over."""
        ...

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time that its processes, ended ones too, have used so far, by their names."""
        ...


def post(port: int, request: bytes) -> None:
    """Send one request on a connection of its own; raise BenchError unless the answer is 2xx."""
    with socket.create_connection((HOST, port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        with http.client.HTTPResponse(connection, method="POST") as answer:
            answer.begin()
            answer.read()
    if not http.client.OK <= answer.status < http.client.MULTIPLE_CHOICES:
        raise BenchError(f"a webhook was answered with {answer.status}")


def wait_for(
    contender: Contender,
    mark: int,
    count: int,
    *,
    pause_seconds: float,
    tell: Callable[[int], None] = lambda _done: None,
) -> float:
    """Return the moment (monotonic) at which `count` webhooks since `mark` were seen done.

    Raise BenchError when one failed or it takes too long. The database is asked every
    `pause_seconds`, which is how exact the moment is.
    """
    seconds = min(LONGEST_SECONDS, FIRST_SECONDS + count * SECONDS_EACH)
    deadline = time.monotonic() + seconds
    while True:
        progress = contender.progress(mark)
        now = time.monotonic()
        if progress.failed:
            raise BenchError(f"{progress.failed} of {count} failed: {progress.reason}")
        if progress.done >= count:
            return now
        if now > deadline:
            raise BenchError(f"{progress.done} of {count} were done after {seconds:.0f} s")
        tell(progress.done)
        time.sleep(pause_seconds)
