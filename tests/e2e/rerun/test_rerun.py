"""A person clears any task of any DAG over the REST API: the world ends up as if nobody had.

Made from the DAGs and tasks that Airflow has: a new task is cleared by itself, a new DAG as soon as it has a scene.
What is tried in one process, at each word that a task says to the outside, is in tests/dags/rerun; here it is Airflow
that clears, ends the task's process, and begins it anew.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import zip_longest

import pytest

from include.lab.demo.play import stage_on
from tests.dags.rerun.outcome import differences
from tests.e2e.rerun.live import Live
from tests.e2e.rerun.plays import CROWD, Failed, Interrupted, LeftAlone, play
from tests.e2e.rerun.scenes import SCENES

pytestmark = pytest.mark.timeout(600)
NUMBERS = ("ops.alert_states",)
"""What the rules read each minute."""
WAYS = ("ops.dispatches", 'changes: {"action":"mailchimp:')
"""In which runs events have gathered, and what was done in one step or in two."""
COUNTS = ("slack.groups.<name>", "slack.groups.updated_by")
"""What a play leaves otherwise than the one before, because of that one."""
TOLD = ("slack.messages", "slack.channels", "mail", "pagerduty", "twilio", "ops.alert_")
"""What people are told of a failure, and of its end: it is not told where nothing fails."""


@pytest.fixture(scope="module")
def live(local_stack):
    """Give the running stack, with members in it."""
    with stage_on(local_stack.stack) as stage, ExitStack() as exit_stack:
        live = Live(stage=stage, stack=local_stack.stack, exit_stack=exit_stack)
        live.have_the_night_behind()
        acts = [stage.join(stage.newcomer(number), "clerk_first") for number in range(CROWD)]
        stage.deliver("a crowd joins", [told for act in acts for told in act.events], at_once=4)
        live.have_compared(ahead=timedelta(hours=1))
        yield live
        live.have_compared()
        live.ours.execute("DELETE FROM ops.job_runs WHERE dag_run_id LIKE 'made_by_a_test%'")


@pytest.fixture(scope="module")
def left_alone(live):
    """Give what comes of runs that nobody interferes with; people have been told all that is to be told."""
    played = play(live, LeftAlone())
    if live.has_untold():
        run = live.stage.airflow.start_run("reconciliation", {"deep": False, "dry_run": False})
        live.wait_for_ends({"reconciliation": run})
    return played


def test_every_dag_has_a_scene(live):
    """Whoever adds a DAG says what a run of it works on: then all its tasks are cleared, too."""
    found, known = live.dags(), set(SCENES)

    assert set(found) - known == set(), "add a scene for it to tests/e2e/rerun/scenes.py"
    assert known - set(found) == set(), "take its scene out of tests/e2e/rerun/scenes.py"
    for dag, scene in SCENES.items():
        assert scene.mended in found[dag] or scene.not_failed, f"{dag}: which task fails?"
        assert scene.held in found[dag], f"{dag}: which task is cleared in the middle?"


def test_cleared_after_success(live, left_alone):
    """One task of each DAG at a time, then all of all: nothing in the world changes, no vendor is told anything."""
    dags = live.dags()
    rounds = zip_longest(*([(dag, [task]) for task in tasks] for dag, tasks in dags.items()))
    before, board = live.world(), live.look(left_alone.runs.values())
    for chosen in [*rounds, dags.items()]:
        tasks = dict(filter(None, chosen))
        since = live.stage.clock.now().timestamp()

        for dag, names in tasks.items():
            live.clear(dag, left_alone.runs[dag], names)
        live.wait_for_ends({dag: left_alone.runs[dag] for dag in tasks})
        live.wait_for_rest()
        last, board = board, live.look(left_alone.runs.values())

        assert differences(before, live.world(), without=NUMBERS) == [], tasks
        assert live.written(since=since) == [], tasks
        for run, name in [(left_alone.runs[dag], name) for dag in tasks for name in tasks[dag]]:
            again = board.tries(run, name) > last.tries(run, name)
            assert again or board.state(run, name) == "skipped", (run, name)


def test_cleared_after_failure(live, left_alone):
    """Each run fails, the cause goes, and what has failed is cleared: the world is as without the failure."""
    failed = Failed()

    played = play(live, failed)

    assert failed.done == {dag for dag, scene in SCENES.items() if not scene.not_failed}
    assert differences(left_alone.gone, played.gone, without=(*TOLD, *WAYS, *COUNTS)) == []
    assert differences(left_alone.new, played.new, without=(*TOLD, *WAYS, *COUNTS)) == []


def test_cleared_in_the_middle(live, left_alone):
    """A task of each run is cleared while a vendor, a lock or a person holds it: the world is as without that."""
    with ExitStack() as holds:
        interrupted = Interrupted(holds)

        played = play(live, interrupted)

    assert interrupted.cleared.keys() == SCENES.keys()
    assert differences(left_alone.gone, played.gone, without=(*TOLD, *WAYS, *COUNTS)) == []
    assert differences(left_alone.new, played.new, without=(*TOLD, *WAYS, *COUNTS)) == []
