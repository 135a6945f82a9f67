"""What the fault tests share: a stage on the real stack, and a summary that a person sees at the end."""

import pytest

from tests.postgres import postgres_server

__all__ = ["postgres_server"]
SAID = pytest.StashKey[list[str]]()


class Say:
    """What a person who waits is told: lines at once, and lines for the summary at the end."""

    def __init__(self, config):
        """Have said nothing."""
        self._plugins = config.pluginmanager
        self.in_the_end = config.stash.setdefault(SAID, []).append

    def now(self, line):
        """Write a line at once: all of it takes half an hour."""
        reporter = self._plugins.getplugin("terminalreporter")
        with self._plugins.getplugin("capturemanager").global_and_fixture_disabled():
            reporter.write_line(f"  {line}")
            reporter.flush()  # into a file too


@pytest.fixture
def say(request):
    """Give what speaks to the person at the terminal."""
    return Say(request.config)


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
