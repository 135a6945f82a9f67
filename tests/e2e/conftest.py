"""What the end-to-end tests share: a stage on the real stack, and a look at the vendors' contracts."""

from collections.abc import Iterator

import psycopg
import pytest

from include.lab.demo.play import stage_on
from include.lab.demo.sandbox import DemoSandbox
from include.lab.demo.stage import Stage
from tests.local_stack import LocalStack

ABOUT_THE_LOCAL_STACK = {
    "test_bench.py": "`./ops bench`; the figures of production are in tests/production",
    "test_lifecycle.py": "`./ops up` and `./ops down`; production's start is in tests/production",
    "test_demo.py": "`./ops demo`",
    "test_crash.py": "supervisor's processes, and `./ops status`; production's deaths are in tests/production",
}
"""What is not tried on a form of production (`--form`), and why."""


def pytest_collection_modifyitems(config, items):
    """Leave out what is about the local stack where the tests run on another."""
    if config.getoption("--form") != "local":
        for item in items:
            if reason := ABOUT_THE_LOCAL_STACK.get(item.path.name):
                item.add_marker(pytest.mark.skip(reason=f"about the local stack: {reason}"))


@pytest.fixture
def stage(local_stack: LocalStack) -> Iterator[Stage]:
    """Give a stage of its own to each test: the vendors on one side, what came of it on the other."""
    with stage_on(local_stack.stack) as stage:
        yield stage


TOLD_YESTERDAY = """
UPDATE ops.notices
SET posted_at = coalesce(posted_at, now()) - interval '1 day', told = count, recovery_told = true
"""


@pytest.fixture
def slack_is_quiet(local_stack: LocalStack) -> None:
    """Let what other tests have had told be long ago: the same failure is told once in a quarter of an hour."""
    with psycopg.connect(local_stack.stack.database_url) as connection:
        connection.execute(TOLD_YESTERDAY)


@pytest.fixture(autouse=True)
def _no_faults_and_no_violations(local_stack: LocalStack) -> Iterator[None]:
    """Leave no fault behind, and find the test in which a call broke a vendor's description."""
    yield
    with DemoSandbox.at(local_stack.stack.sandbox_url) as sandbox:
        sandbox.clear_faults()
        assert sandbox.violations()["violations"] == []
