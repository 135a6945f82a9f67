"""What the fault tests share: a stage on the real stack, and a summary that a person sees at the end."""

import pytest

from tests.postgres import postgres_server

__all__ = ["postgres_server"]
SAID = pytest.StashKey[list[str]]()


@pytest.fixture
def say(request):
    """Give what puts a line into the summary at the end."""
    return request.config.stash.setdefault(SAID, []).append


@pytest.fixture
def is_long(request):
    """Tell whether all is to be tried."""
    return request.config.getoption("--long")


def pytest_terminal_summary(terminalreporter, config):
    """Tell which faults fired, and what came of it."""
    lines = config.stash.get(SAID, [])
    if lines:
        terminalreporter.section("faults")
    for line in lines:
        terminalreporter.write_line(line)
