"""One host, started once for what is looked at there and what is typed there; what leaves most behind comes last."""

import pytest

from tests.production.forms import ONE_HOST, running


@pytest.fixture(scope="package")
def form(tmp_path_factory):
    """Give the one-host form, which has become healthy."""
    with running(ONE_HOST, tmp_path_factory.mktemp("one host")) as form:
        yield form
