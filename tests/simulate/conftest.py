"""What a simulation needs: the vendors in this process, a database for each history."""

import logging
import threading
from contextlib import contextmanager

import pytest
import structlog

from include.lab.sandbox.server import create_server
from include.lab.sandbox.settings import Settings
from include.membership import policy
from tests.contract.conftest import LiveSandbox
from tests.postgres import new_database, postgres_server
from tests.simulate.history import POLICY, History
from tests.simulate.operation import Operation
from tests.simulate.vendors import Vendors

__all__ = ["postgres_server"]


@pytest.fixture(autouse=True)
def quiet():
    """Let the jobs say nothing: a hundred thousand lines help nobody."""
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**kept)


@pytest.fixture(autouse=True)
def _own_policy(monkeypatch):
    """Let the jobs live by the simulation's policy."""
    monkeypatch.setattr(policy.load, "__defaults__", (POLICY,))
    policy.shipped.cache_clear()
    yield
    policy.shipped.cache_clear()


@pytest.fixture(scope="session")
def served_sandbox():
    """Serve a sandbox from a thread; give it and its world. Whether it fits the descriptions others look at."""
    settings = Settings(port=0, statsd_port=0, smtp_port=0)
    server = create_server(settings)
    listener = server.config.bind_socket()
    listener.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    live = LiveSandbox(f"http://127.0.0.1:{listener.getsockname()[1]}", settings)
    yield live, server.config.app.world
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


@pytest.fixture(scope="session")
def new_history(served_sandbox, postgres_server):
    """Give a context manager that begins a history in an empty world."""
    live, world = served_sandbox

    @contextmanager
    def begin():
        vendors = Vendors(live, world)
        with new_database(postgres_server) as dsn, Operation.at(dsn, live) as operation:
            operation.begin(vendors)
            yield History(vendors, operation)

    return begin
