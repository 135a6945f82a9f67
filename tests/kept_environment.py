"""What a process of a test keeps of our environment, where it gets one of its own."""

import os

MEASURED = "COVERAGE_PROCESS_CONFIG"
"""Set by `./ops test --coverage`: the process counts what it reaches."""


def kept(*names):
    """Return these variables and, where coverage is measured, how."""
    return {name: os.environ[name] for name in (*names, MEASURED) if name in os.environ}
