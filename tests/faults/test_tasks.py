"""Task processes and the relay die or freeze between any two words to the outside while members join.

Airflow is the stand-in here, whose runs this test executes: so it may say what it likes about a task that is dead
(G3), and every kill hits its mark (G2, G4). The processes, Postgres and the vendors' wire are real.
"""

import random
import signal
from collections import Counter

import pytest

from include.clock import SystemClock
from include.dagkit import collaborators
from include.lab.demo.sandbox import DemoSandbox
from include.lab.demo.stage import Stage, open_database
from tests.airflow_stand_in import running_airflow
from tests.dags.conftest import connections
from tests.dags.rerun.run import Run
from tests.faults.invariants import check
from tests.faults.load import SEED, Load
from tests.jobs.conftest import serving
from tests.jobs.world import World
from tests.postgres import new_database
from tests.relay_process import CLERK_SECRET, STRIPE_SECRET, RelayProcess
from tests.waiting import until

pytestmark = pytest.mark.timeout(7200)
WAVES, LONG_WAVES, TELL_EACH = 8, 200, 4
CALM_SECONDS = 120
FAULTS = (
    "killed, tried again",
    "killed, called a success",
    "killed, called failed",
    "frozen, late",
)
MAX_WORDS = 12


@pytest.fixture
def relay(postgres_server, tmp_path):
    """Give a relay that is to be killed, and what it speaks to."""
    with new_database(postgres_server) as dsn, running_airflow() as airflow:
        relay = RelayProcess(dsn, tmp_path / "relay.log", airflow_url=airflow.url)
        relay.dsn, relay.airflow = dsn, airflow
        relay.start()
        yield relay
        relay.kill()
        relay.client.close()


@pytest.fixture
def sandbox(relay):
    """Give vendors who send to this relay."""
    secrets = {"stripe_webhook_secrets": STRIPE_SECRET, "clerk_webhook_secrets": CLERK_SECRET}
    with serving(relay_url=relay.url, **secrets) as sandbox:
        yield sandbox


@pytest.fixture
def stage(relay, sandbox):
    """Give the vendors on one side, what came of it on the other."""
    with DemoSandbox.at(sandbox.url) as vendors, open_database(relay.dsn) as database:
        yield Stage(
            sandbox=vendors, airflow=None, database=database, processes=None, clock=SystemClock()
        )


@pytest.fixture
def executor(relay, sandbox, monkeypatch):
    """Give what runs the tasks of the runs that the relay asks for."""
    with World.at(relay.dsn, sandbox) as world:
        for name, connection in connections(world).items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", connection)
    # What a frozen task has locked is free when it has been frozen for longer than this.
    monkeypatch.setattr(collaborators, "MAX_IDLE_SECONDS", 3.0)
    return Executor(relay.airflow)


class Executor:
    """Airflow's hands: it runs what was asked for, and lets tasks die on the way."""

    def __init__(self, airflow):
        self._airflow = airflow
        self._dice = random.Random(SEED)  # noqa: S311 - chance for tests
        self.fired = Counter()

    def work(self, fault=None):
        """Run all runs that wait, the first of them with a fault; tell whether there were any."""
        waiting = [run for run in list(self._airflow.runs.values()) if run["state"] == "queued"]
        for run in waiting:
            run["state"] = "running"
            state = self._execute(Run(run["dag_id"], run["dag_run_id"], run["conf"]), fault)
            self._airflow.end(run["dag_id"], run["dag_run_id"], state, SystemClock().now())
            fault = None
        return bool(waiting)

    def _execute(self, run, fault):
        """Run it to its end; return what Airflow calls it."""
        if fault is None:
            return "success" if run.go().is_green else "failed"
        task = self._dice.choice(run.tasks)
        run.until(task)
        number = signal.SIGSTOP if fault == "frozen, late" else signal.SIGKILL
        child = run.begin(task, 1 + self._dice.randrange(MAX_WORDS), number)
        if number == signal.SIGSTOP:
            child.stopped_or_ended()
            run.go()
            child.end(wake=True)
        else:
            child.end()
        self.fired[fault] += child.fired
        if child.fired and fault == "killed, called a success":
            return "success"
        if child.fired and fault == "killed, called failed":
            return "failed"
        return "success" if run.go().is_green else "failed"


def test_nothing_is_lost_and_nothing_happens_twice(stage, relay, executor, say, is_long):
    """Each wave a task dies or freezes somewhere and the relay is killed: the invariants hold."""
    waves = LONG_WAVES if is_long else WAVES
    dice, load = random.Random(SEED), Load(stage)  # noqa: S311 - chance for tests
    for wave in range(waves):
        load.join(2 + wave % 2 if is_long else 2)
        with load.sending():
            until(lambda: False, dice.uniform(0, 0.05))  # the moment is what is tried
            relay.kill()
        relay.start()
        load.send()
        assert until(lambda wave=wave: executor.work(FAULTS[wave % len(FAULTS)]), 90)
        if not (wave + 1) % TELL_EACH:
            say.now(f"{wave + 1} of {waves} waves")

    is_over = until(lambda: not executor.work() and load.is_over(), CALM_SECONDS)

    found = check(stage, load)
    deaths = ", ".join(f"{number} {fault}" for fault, number in executor.fired.items())
    say.in_the_end(f"tasks: {deaths}; the relay: {waves} killed")
    say.in_the_end(found.summary(load))
    assert found.broken == []
    assert is_over, "rows are still open"
    assert found.acknowledged == len(load.events)
    assert 2 * found.welcomed > len(load.members), "most of them need a person"
    assert all(executor.fired[fault] for fault in FAULTS), executor.fired
