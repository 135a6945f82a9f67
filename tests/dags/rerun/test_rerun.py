"""A person clears any task of any DAG, at any moment: the world ends up as if nobody had.

Made from the DAGs that there are: a new one is tried as soon as it has a scenario, and cannot do without.
"""

from collections import Counter
from contextlib import contextmanager

import orjson
import pytest

from tests.airflow_stand_in import running_airflow
from tests.airflow_task import ROOT, load_dags
from tests.dags.conftest import connections
from tests.dags.rerun.outcome import VENDORS, differences, outcome
from tests.dags.rerun.run import Run, job_tasks
from tests.dags.rerun.scenarios import SCENARIOS, Place
from tests.jobs.world import World
from tests.postgres import new_database

REFERENCES = {}
WELCOME = ("ops.steps", "mailchimp.triggers", "welcomes", "changes", "open letters", "slack.")
"""What differs where nobody knows whether a welcome was sent: people are told so at once."""
SHARES, LONG_SHARES = (0.4, 0.8), [number / 39 for number in range(40)]


STEPS_ON_THE_WAY = ("changes",)
"""What was done in one step is done in two where the first try got halfway."""


def tried_here(dag_id):
    """Return a DAG's tasks that need no real Airflow."""
    return [task for task in job_tasks(dag_id) if task not in SCENARIOS[dag_id].elsewhere]


TASKS = [
    (dag_id, task)
    for dag_id in load_dags().dags
    if dag_id in SCENARIOS
    for task in tried_here(dag_id)
]


def each_task():
    """Run a test once per task of each DAG."""
    return pytest.mark.parametrize(("dag_id", "task"), TASKS, ids=[".".join(one) for one in TASKS])


def pytest_generate_tests(metafunc):
    """Choose the moments at which a task is killed: shares of its way."""
    if "share" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--long")
        metafunc.parametrize("share", LONG_SHARES if is_long else SHARES)


@pytest.fixture
def new_run(postgres_server, sandbox_server, sandbox):
    """Give a way to be where a run of a DAG begins, in a world that nothing else has touched."""

    @contextmanager
    def begin(dag_id):
        sandbox_server.ask("POST", "reset")
        with (
            new_database(postgres_server) as dsn,
            running_airflow() as airflow,
            pytest.MonkeyPatch.context() as patch,
            World.at(dsn, sandbox_server) as world,
        ):
            wired = {**connections(world), "airflow": connection_to(airflow)}
            for name, connection in wired.items():
                patch.setenv(f"AIRFLOW_CONN_{name.upper()}", connection)
            scenario = SCENARIOS[dag_id]
            conf = scenario.prepare(Place(world=world, airflow=airflow))
            options = {"without": scenario.elsewhere, "answer": scenario.answer}
            yield world, Run(dag_id, scenario.run_id, conf, **options)

    return begin


def connection_to(airflow):
    """Return the connection to the stand-in of Airflow's REST API."""
    return orjson.dumps(
        {
            "conn_type": "http",
            "host": airflow.url,
            "login": "reconciler",
            "password": airflow.password,
        }
    ).decode()


@pytest.fixture
def reference(new_run):
    """Give what comes of a run that nobody interferes with."""

    def of(dag_id):
        if dag_id not in REFERENCES:
            with new_run(dag_id) as (world, run):
                before = outcome(world)
                assert run.go().is_green, run.states
                REFERENCES[dag_id] = outcome(world)
                assert before != REFERENCES[dag_id], f"{dag_id}: a run of its scenario does nothing"
        return REFERENCES[dag_id]

    return of


def test_every_dag_has_a_scenario():
    """Whoever adds a DAG says what a run of it works on: then all its tasks are cleared, too."""
    missing = load_dags().dags.keys() - SCENARIOS.keys()

    assert not missing, f"add to tests/dags/rerun/scenarios.py: {sorted(missing)}"


def test_what_is_tried_elsewhere_is_tried():
    """A task that is left out here is named in the test that reruns it with the real Airflow."""
    left_out = [
        (task, ROOT / file) for one in SCENARIOS.values() for task, file in one.elsewhere.items()
    ]

    assert all(task in file.read_text() for task, file in left_out)


@each_task()
def test_cleared_after_success(new_run, dag_id, task):
    """Alone, and with what follows: nothing in the world changes."""
    with new_run(dag_id) as (world, run):
        run.go()
        before = outcome(world)

        for following in (False, True):
            assert run.clear(task, following=following).go().is_green, run.states

            assert differences(before, outcome(world)) == []
        assert run.tries[task] >= 3 or run.states[task] == "skipped"


@each_task()
def test_cleared_before_the_next_begins(new_run, reference, dag_id, task):
    """The run goes on as if the second try had been the first."""
    expected = reference(dag_id)
    with new_run(dag_id) as (world, run):
        run.until(task).step(task)

        assert run.clear(task).go().is_green, run.states

        assert differences(expected, outcome(world)) == []


@each_task()
def test_cleared_after_failure(new_run, reference, dag_id, task):
    """Postgres was out of reach until the last try: the run is mended from this task on."""
    expected = reference(dag_id)
    with new_run(dag_id) as (world, run):
        run.until(task)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_OPS_POSTGRES", "postgres://nobody@127.0.0.1:9/none")
            run.step(task, is_last_try=True)
        assert run.states[task] == "failed"
        run.go()

        assert run.clear(task, following=True).go().is_green, run.states

        assert differences(expected, outcome(world)) == []


@each_task()
def test_cleared_after_an_outage(new_run, reference, dag_id, task):
    """No vendor answered, and the run went on as far as it could: a part is cleared, then all of it."""
    expected, scenario = reference(dag_id), SCENARIOS[dag_id]
    with new_run(dag_id) as (world, run):
        for vendor in VENDORS:
            world.sandbox.fault(vendor, "status", status=503)
        run.go()
        assert run.is_green == scenario.bears_outages, run.states
        assert world.sandbox.fired() or scenario.asks_nobody
        world.sandbox.ask("DELETE", "faults")

        run.clear(task, following=True).go()
        assert run.clear(*run.tasks).go().is_green, run.states

        ways = (*STEPS_ON_THE_WAY, *scenario.under_way)
        assert differences(expected, outcome(world), without=ways, late=scenario.later) == []


@each_task()
def test_killed_in_the_middle_and_cleared(new_run, reference, dag_id, task, share):
    """Its process dies (-9) between two words to the outside: what it had begun is ended, once.

    Or it is stopped and shown: nobody knows whether a welcome was sent whose answer nobody read.
    """
    expected = reference(dag_id)
    words = words_of(new_run, dag_id, task)
    with new_run(dag_id) as (world, run):
        run.until(task)
        at = 1 + round(share * (words - 1))
        assert run.kill(task, at) == at

        run.clear(task).go()

        is_shown = "uncertain" in world.steps()
        assert run.is_green or is_shown, run.states
        if is_shown:
            assert len(world.welcomes()) <= 1
            assert world.audit().count("welcome:uncertain") == 1
        scenario = SCENARIOS[dag_id]
        ways = (*scenario.under_way, *(WELCOME if is_shown else ()))
        there = by_then(expected), by_then(outcome(world))
        assert differences(*there, without=ways, late=scenario.later) == []


def by_then(lines):
    """Let a contact that the killed try had created be one that was there: the audit log says what was done last."""
    return Counter(
        line.replace("mailchimp:create", "mailchimp:update") for line in lines.elements()
    )


WORDS = {}


def words_of(new_run, dag_id, task):
    """Return how many words a try of a task says to the outside."""
    if (dag_id, task) not in WORDS:
        with new_run(dag_id) as (_, run):
            WORDS[dag_id, task] = run.until(task).kill(task, 0)
    return WORDS[dag_id, task]
