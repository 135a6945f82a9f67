"""The other half of the member-months, for a second process."""

import pytest

from tests.simulate.lives import live_share


@pytest.mark.timeout(0)
def test_everybody_is_what_the_rules_say(request, new_history, record_testsuite_property):
    """The same with other lives."""
    live_share(1, config=request.config, new_history=new_history, note=record_testsuite_property)
