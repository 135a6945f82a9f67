"""What holds for every test: its world, its limits, its options."""

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

from tests.guards import Guards
from tests.local_stack import local_stack
from tests.saying import pytest_terminal_summary, say

__all__ = ["local_stack", "pytest_terminal_summary", "say"]  # one stack for e2e, browser and faults

GUARDS = Guards()


def pytest_addoption(parser):
    """Offer what is not run by default."""
    parser.addoption(
        "--live", action="store_true", help="run against the vendors' test accounts too"
    )
    parser.addoption(
        "--form",
        choices=("local", "one-host", "celery"),
        default="local",
        help="run the end-to-end tests on the local stack, or on a form of production",
    )
    parser.addoption(
        "--long",
        action="store_true",
        help="repeat what is random hundreds of times, and run what takes minutes",
    )
    simulation = parser.getgroup("simulation")
    simulation.addoption(
        "--months", type=float, default=4_000, help="member-months to live through"
    )
    simulation.addoption(
        "--seed", dest="sim_seed", type=int, default=0, help="another seed, other histories"
    )
    simulation.addoption("--replay", metavar="FILE", help="play the story of a failure again")


def pytest_configure(config):
    """Cut the tests off from the machine's Airflow and databases, and from the outside."""
    for name in list(os.environ):
        if name.startswith(("AIRFLOW", "OPS_DATABASE", "OPS_AIRFLOW")):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="ops-tests-airflow-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    settings.register_profile("ops", deadline=None, print_blob=True)
    settings.load_profile("ops")
    GUARDS.live = config.getoption("--live")
    GUARDS.install()


def pytest_collection_modifyitems(config, items):
    """Leave out what is only for who asks for it: among skips it would hide what is missing here."""
    asked, others = [], []
    for item in items:
        options = [mark.args[0] for mark in item.iter_markers("only_with")]
        (asked if all(config.getoption(one) for one in options) else others).append(item)
    items[:] = asked
    if others:
        config.hook.pytest_deselected(items=others)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Tell the guards which kind of test runs, and leave out what needs real accounts."""
    GUARDS.kind = item.nodeid.split("/")[1] if item.nodeid.startswith("tests/") else ""
    if item.get_closest_marker("live") and not GUARDS.live:
        pytest.skip("needs a vendor's real test account: run with --live")
