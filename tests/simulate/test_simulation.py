"""Members live for months; nobody ever is anything else than the rules say.

`./ops test simulate --months 100000 --seed 7` lives longer, and other lives; `--replay FILE` plays a story again.
"""

import json
from pathlib import Path

import pytest

from tests.simulate.lives import live_share


@pytest.mark.timeout(0)
def test_everybody_is_what_the_rules_say(request, new_history, record_testsuite_property):
    """Whatever happens, however it is told: at every calm platform, Mailchimp, Slack and Luma are as the rules say."""
    live_share(0, config=request.config, new_history=new_history, note=record_testsuite_property)


@pytest.mark.only_with("--replay")
@pytest.mark.timeout(0)
def test_story_of_a_file_is_played_again(request, new_history):
    """The lines that a failure printed, kept in a file, fail again until the cause is mended."""
    file = request.config.getoption("--replay")
    lines = [json.loads(line) for line in Path(file).read_text().splitlines() if line.strip()]
    with new_history() as history:
        history.play(lines)
        history.do("calm")
