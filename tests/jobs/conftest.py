"""A job's world for each test: an empty database, a sandbox as after a start."""

import threading
from contextlib import contextmanager

import pytest

from include.lab.sandbox.server import create_server
from include.lab.sandbox.settings import SandboxSettings
from tests import contracts
from tests.contract.conftest import LiveSandbox
from tests.jobs.alert_world import MAIL, Watch, rules
from tests.jobs.contact_world import ADA
from tests.jobs.deactivation_world import HOUR
from tests.jobs.luma_world import LumaWorld
from tests.jobs.notice_world import Desk
from tests.jobs.slack_world import SlackWorld
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


@pytest.fixture
def slack(store, sandbox):
    return SlackWorld(store, sandbox)


@pytest.fixture
def ada(world):
    """Give the world in which Ada is a member."""
    world.run(*world.join(ADA))
    return world


@pytest.fixture
def luma(store, sandbox):
    return LumaWorld(store, sandbox)


@pytest.fixture
def leaving(world):
    """Give the world with a member who has canceled, and whose period ends in an hour."""
    world.run(*world.join())
    world.run(*world.act("cancel_at_period_end", email=ADA, in_seconds=HOUR))
    return world


@pytest.fixture
def desk(world):
    """Give a desk with an empty channel."""
    return Desk(world)


@pytest.fixture
def watch(store, sandbox):
    """Give a world whose rule tells one mailbox."""
    return Watch(store, sandbox, rules(("email", MAIL)))
