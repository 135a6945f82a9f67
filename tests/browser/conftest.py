"""The browser: where it is missing these tests are skipped, and in CI they fail."""

import os
from contextlib import closing

import pytest

from include.lab.demo.play import stage_on
from include.store import Store
from tests.browser.airflow_ui import ABSENT, CHROMIUM


@pytest.fixture(scope="session", autouse=True)
def browser():
    """Say in one line how to get the browser that every test here needs."""
    if CHROMIUM is None:
        absent = pytest.fail if os.environ.get("OPS_TESTS_NEED_BROWSER") else pytest.skip
        absent(ABSENT)


@pytest.fixture(scope="module")
def stack(local_stack):
    """Give the stack's addresses and people."""
    return local_stack.stack


@pytest.fixture(scope="module")
def stage(local_stack):
    """Give what plays the vendors' side."""
    with stage_on(local_stack.stack) as stage:
        yield stage


@pytest.fixture(scope="module")
def store(stack):
    """Give the ops tables."""
    with closing(Store.connect(stack.database_url)) as store:
        yield store
