"""A job's world for each test: an empty database, a sandbox as after a start."""

import threading
from contextlib import contextmanager

import pytest

from include.lab.sandbox.server import create_server
from include.lab.sandbox.settings import SandboxSettings
from tests import contracts
from tests.contract.conftest import LiveSandbox
from tests.jobs.world import World
from tests.postgres import database, postgres_server, store

__all__ = ["database", "postgres_server", "store"]


@contextmanager
def serving(**wishes):
    """Serve a sandbox from a thread; it checks every call and answer."""
    settings = SandboxSettings(
        port=0, statsd_port=0, smtp_port=0, contracts_dirs=contracts.FOLDERS, **wishes
    )
    server = create_server(settings)
    listener = server.config.bind_socket()
    listener.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield LiveSandbox(f"http://127.0.0.1:{listener.getsockname()[1]}", settings)
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


@pytest.fixture(scope="session")
def sandbox_server():
    """One sandbox for all tests."""
    with serving() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_server):
    """Give the sandbox as after a start; whatever a test has it do must fit the vendors' descriptions."""
    sandbox_server.ask("POST", "reset")
    yield sandbox_server
    assert sandbox_server.violations() == []


@pytest.fixture
def world(store, database, sandbox):
    """Everything the job touches."""
    return World(store, database, sandbox)


@pytest.fixture
def times(request):
    """Return how often what is random is repeated: more with --long."""
    is_long = request.config.getoption("--long")
    return lambda short, long: long if is_long else short
