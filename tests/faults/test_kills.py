"""Processes die (-9) and freeze at random while members join: nothing acknowledged is lost, nothing happens twice.

G2, G4 and invariants I1 to I6 of a load on the real stack; --long: 500 members and 200 kills. What was acknowledged,
killed and found is in the summary at the end.
"""

import random
from contextlib import suppress
from urllib.parse import quote

import pytest

from include.errors import AirflowError
from include.lab.demo.play import stage_on
from include.lab.demo.stage import DAG
from tests.faults.chaos import ROLES, SCHEDULER, Chaos
from tests.faults.invariants import check
from tests.faults.load import SEED, Load
from tests.waiting import until

pytestmark = pytest.mark.timeout(7200)
LONG_EPISODES = 29  # 203 kills
FREEZE_EACH = 5  # episodes
GIVEN_UP_SECONDS = 150  # Airflow's heartbeat time-out is 60
CALM_SECONDS, LONG_CALM_SECONDS = 200, 900
BATCH_SIZE = "A worker was killed while it worked on"  # says the scheduler


@pytest.fixture
def chaos(local_stack):
    """Give what kills and freezes; nothing stays frozen."""
    chaos = Chaos(local_stack.stack.id)
    yield chaos
    chaos.thaw()


@pytest.fixture
def stage(local_stack):
    """Give the vendors on one side, what came of it on the other."""
    with stage_on(local_stack.stack) as stage:
        yield stage


@pytest.fixture
def tasks(stage):
    """Give the tasks of the main job, as Airflow knows them."""
    return Tasks(stage.airflow)


class Tasks:
    """The main job's tasks that run: whose process is which, and whether Airflow still waits for one."""

    def __init__(self, airflow):
        self._airflow = airflow

    def frozen(self, process):
        """Remember a process's task; tell whether it has one that Airflow calls running."""
        running = self._ask(f"/dags/{DAG}/dagRuns/~/taskInstances?state=running")
        found = [one for one in running.get("task_instances", []) if one["pid"] == process.pid]
        self._task = found[0] if found else None
        return bool(found)

    def is_given_up(self):
        """Tell whether Airflow no longer waits for the remembered one."""
        task = self._task
        run_id = quote(task["dag_run_id"], safe="")
        now = self._ask(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task['task_id']}")
        return bool(now) and (now["state"], now["try_number"]) != ("running", task["try_number"])

    def _ask(self, path):
        with suppress(AirflowError):  # the API server is one of those that die
            answer = self._airflow.ask("GET", path)
            return answer.json() if answer.is_success else {}
        return {}


def test_nothing_is_lost_and_nothing_happens_twice(  # noqa: PLR0913, PLR0917 - fixtures
    stage, chaos, tasks, local_stack, say, is_long
):
    """Each role dies, again and again, and tasks that froze come back late: the invariants hold."""
    episodes, members = (LONG_EPISODES, 500) if is_long else (1, 42)
    dice, load, froze, late = random.Random(SEED), Load(stage), 0, 0  # noqa: S311 - chance for tests
    each = members // (episodes * (len(ROLES) + 1))

    for episode in range(episodes):
        freezes = episode % FREEZE_EACH == 0
        if freezes:
            load.join(each)
            with load.sending():
                froze += chaos.freeze_a_task(tasks.frozen, seconds=60)
        for role in [*dice.sample(ROLES, k=len(ROLES)), SCHEDULER]:
            if role == SCHEDULER and freezes:  # it would take the frozen with it
                is_late = until(tasks.is_given_up, GIVEN_UP_SECONDS)
                late += chaos.thaw() == 2 and is_late
            load.join(each)
            with load.sending():
                until(lambda: False, dice.uniform(0, 1))  # the moment is what is tried
                chaos.kill(role, seconds=60)
        say.now(f"{chaos.killed.total()} killed, {len(load.members)} of {members} members joined")
    load.join(members - len(load.members))
    is_over = until(load.is_over, LONG_CALM_SECONDS if is_long else CALM_SECONDS)

    found = check(stage, load)
    deaths = ", ".join(f"{role} {number}" for role, number in chaos.killed.items())
    say.in_the_end(
        f"processes: {chaos.killed.total()} killed ({deaths}), {late} tasks frozen and woken late"
    )
    say.in_the_end(found.summary(load))
    assert froze == late == -(-episodes // FREEZE_EACH), "a freeze did not happen"
    assert chaos.killed == dict.fromkeys([*ROLES, SCHEDULER], episodes), "a kill did not happen"
    noticed = local_stack.layout.log_of("scheduler").read_text().count(BATCH_SIZE)
    assert noticed, "a dead worker's task has waited for the time-out"
    assert found.broken == []
    assert is_over, "rows are still open"
    assert found.acknowledged == len(load.events)
    assert 2 * found.welcomed > len(load.members), "most of them need a person"
