"""Live histories of a community one after the other, and tell the shortest story of one that ends wrong."""

import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from tests.simulate.history import DifferenceError
from tests.simulate.machine import Community
from tests.simulate.shrinking import shrunk

PARTS = 2
"""So many files live a share each: two processes do it in half the time, and a process does a whole file."""
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


def live_share(part, *, config, new_history, note):
    """Live a part's share of the months that are asked for; `note` is given what was lived."""
    wanted = config.getoption("months") / PARTS
    first = config.getoption("sim_seed") * 1_000_000 + part * 1_000_000 // PARTS
    begin, lived, histories = time.monotonic(), 0.0, 0
    while lived < wanted:
        months, number = live(new_history, seed_number=first + histories)
        lived, histories = lived + months, histories + number
    seconds = time.monotonic() - begin
    note("member_months", f"{lived:.0f} in {histories} histories, {seconds:.0f} s")


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
    short = shrunk(
        lines, lambda part: first.kinds[0] in kinds_of(new_history, part), seconds=shrink_seconds
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
    return []
