"""What a test says to the person who waits for it: at once, and in the summary at the end."""

import pytest

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


def pytest_terminal_summary(terminalreporter, config):
    """Tell what the tests have found: which faults fired, and what came of it; figures."""
    lines = config.stash.get(SAID, [])
    if lines:
        terminalreporter.section("found")
    for line in lines:
        terminalreporter.write_line(line)
