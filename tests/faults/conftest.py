"""What the fault tests share."""

import pytest

from tests.postgres import postgres_server

__all__ = ["postgres_server"]


@pytest.fixture
def is_long(request):
    """Tell whether all is to be tried."""
    return request.config.getoption("--long")
