"""Members live for months; nobody ever is anything else than the rules say.

`./ops test simulate --months 100000 --seed 7` lives longer, and other lives; `--replay FILE` plays a story again.
"""

import json
import logging
import time
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from tests.simulate.history import DifferenceError
from tests.simulate.machine import Community
from tests.simulate.shrinking import shrunk

STEPS = 60
HISTORIES = 10  # between two looks at how many months there were
SHRINK_SECONDS = 120
OPTIONS = settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(
        HealthCheck
    ),  # a history takes a second, and no rule is free of effects
    phases=(Phase.generate,),  # see shrinking.py
    print_blob=False,
)


@pytest.fixture(autouse=True)
def quiet():
    """Let the jobs say nothing: a hundred thousand lines help nobody."""
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**kept)


@pytest.mark.timeout(0)
def test_everybody_is_what_the_rules_say(request, new_history, record_testsuite_property):
    """Whatever happens, however it is told: at every calm platform, Mailchimp, Slack and Luma are as the rules say."""
    wanted, first = request.config.getoption("months"), request.config.getoption("sim_seed")
    begin, lived, histories = time.monotonic(), 0.0, 0
    while lived < wanted:
        months, number = live(new_history, seed_number=first * 1_000_000 + histories)
        lived, histories = lived + months, histories + number
    seconds = time.monotonic() - begin
    record_testsuite_property(
        "member_months", f"{lived:.0f} in {histories} histories, {seconds:.0f} s"
    )


@pytest.mark.timeout(0)
def test_story_of_a_file_is_played_again(request, new_history):
    """The lines that a failure printed, kept in a file, fail again until the cause is mended."""
    file = request.config.getoption("replay")
    if file is None:
        pytest.skip("plays the file given with --replay")
    lines = [json.loads(line) for line in Path(file).read_text().splitlines() if line.strip()]
    with new_history() as history:
        history.play(lines)
        history.do("calm")


def live(new_history, *, seed_number, shrink_seconds=SHRINK_SECONDS):
    """Live some histories; return their member-months and number. Fails with the shortest story of a failure."""
    lived = []
    machine = type("Community", (Community,), {"begin": new_history, "count": lived.append})
    try:
        run_state_machine_as_test(seed(seed_number)(machine), settings=OPTIONS)
    except (DifferenceError, FlakyFailure) as error:
        first = difference_in(error)
        lines = first.lines
    else:
        return sum(history.member_months for history in lived), len(lived)
    kinds = first.kinds
    short = shrunk(
        lines, lambda part: bool(kinds & kinds_of(new_history, part)), seconds=shrink_seconds
    )
    with new_history() as history:
        history.play(short)
        history.do("calm")
    raise first  # it does not fail a second time: the long story is all there is


def difference_in(error):
    """Return the failure of a history, also of one that went well when it was played again."""
    return error if isinstance(error, DifferenceError) else error.exceptions[0]


def kinds_of(new_history, lines):
    """Return what is wrong after a history, in kinds; nothing where all is well."""
    try:
        with new_history() as history:
            history.play(lines)
            history.do("calm")
    except DifferenceError as error:
        return error.kinds
    return set()
