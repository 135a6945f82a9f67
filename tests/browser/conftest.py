"""The browser: where it is missing these tests are skipped, and in CI they fail."""

import os

import pytest

from tests.browser.airflow_ui import ABSENT, CHROMIUM


@pytest.fixture(scope="session", autouse=True)
def browser():
    """Say in one line how to get the browser that every test here needs."""
    if CHROMIUM is None:
        absent = pytest.fail if os.environ.get("OPS_TESTS_NEED_BROWSER") else pytest.skip
        absent(ABSENT)
