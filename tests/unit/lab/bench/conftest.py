"""A contender that does what a test says, and a sandbox on a real port."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from include.lab.bench.contender import WebhookProgress
from include.lab.bench.sandbox import BenchSandbox
from include.lab.sandbox.server import create_server
from include.lab.sandbox.settings import SandboxSettings
from include.lab.stack.stack import Ports, Stack


class ScriptedContender:
    """Shows the given progress, one after the other, the last for ever."""

    name = "scripted"

    def __init__(self, *shown: WebhookProgress, port: int = 0) -> None:
        """Begin with the first."""
        self.port = port
        self.looks = 0
        self.enrolled = []
        self._shown = shown

    def request(self, webhook):
        """Return its body alone."""
        return webhook.body

    def mark(self):
        """Return the one mark there is."""
        return 0

    def progress(self, _mark):
        """Show the next."""
        self.looks += 1
        return self._shown[min(self.looks, len(self._shown)) - 1]

    def enrol(self, members):
        """Remember them."""
        self.enrolled += members

    def cpu_seconds(self):
        """Say that nothing was used."""
        return {}


@pytest.fixture
def scripted():
    """Make contenders that show what they are told to."""
    return ScriptedContender


@pytest.fixture(scope="session")
def sandbox() -> Iterator[BenchSandbox]:
    """Give the bench's client of a sandbox that runs."""
    key = "sk_test_bench"
    server = create_server(SandboxSettings(port=0, stripe_api_key=key))
    listener = server.config.bind_socket()
    listener.listen()  # from here on a client waits instead of being refused
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    ports = Ports(sandbox=listener.getsockname()[1])
    with closing(BenchSandbox(Stack(ports=ports, stripe_api_key=key))) as client:
        yield client
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()
    assert not thread.is_alive()
