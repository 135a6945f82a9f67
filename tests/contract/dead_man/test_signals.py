"""The outside check."""

import pytest

from include.errors import VendorUnavailableError
from include.vendors import dead_man


def test_signals_are_counted(sandbox):
    """Each call is one signal of that check."""
    for _ in range(2):
        dead_man.signal(f"{sandbox.url}/dead-man/ping/alert-rules", timeout_seconds=2)

    checks = sandbox.ask("GET", "state/dead-man")["checks"]
    assert checks["alert-rules"]["count"] == 2


def test_address_is_in_no_error(sandbox):
    """Who knows it could keep the check quiet."""
    sandbox.fault("dead-man", "status", status=500)

    with pytest.raises(VendorUnavailableError) as trouble:
        dead_man.signal(f"{sandbox.url}/dead-man/ping/alert-rules", timeout_seconds=2)

    assert "ping" not in str(trouble.value)
