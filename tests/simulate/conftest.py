"""What a simulation needs: the vendors in this process, a database for each history."""

import logging
from contextlib import contextmanager, nullcontext

import pytest
import structlog

from include.jobs.mailchimp_sync import vendors
from include.lab.sandbox.settings import SandboxSettings
from include.membership import policy
from include.store.throttle import Throttle
from tests.postgres import new_database, postgres_server
from tests.simulate.history import POLICY, History
from tests.simulate.operation import Operation
from tests.simulate.vendors import Vendors
from tests.simulate.wire import Wire

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
    monkeypatch.setattr(policy, "FILE", POLICY)


@pytest.fixture(autouse=True)
def _one_call_at_a_time(monkeypatch):
    """Let the jobs ask for one thing after the other, so that a story is the same each time; nobody else asks."""
    monkeypatch.setattr(vendors, "WIDTH", 1)
    monkeypatch.setattr(Throttle, "connections", lambda *_, **__: nullcontext(1))


@pytest.fixture(scope="session")
def new_history(postgres_server):
    """Give a context manager that begins a history in an empty world."""
    wire = Wire(SandboxSettings(port=0, statsd_port=0, smtp_port=0))

    @contextmanager
    def begin():
        with (
            wire.connected(),
            new_database(postgres_server) as dsn,
            Operation.at(dsn, wire) as operation,
        ):
            everybody = Vendors(wire)
            operation.begin(everybody)
            yield History(everybody, operation)

    return begin
