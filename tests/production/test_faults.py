"""Whatever dies in production while members join: nothing is lost, nothing happens twice, and it heals by itself."""

import json
import re
import time
from contextlib import suppress

import psycopg
import pytest

from include.lab.demo.play import stage_on
from include.lab.demo.stage import DAG, open_database
from tests.faults.invariants import check
from tests.faults.load import Load
from tests.production.docker import docker_of
from tests.production.forms import CELERY, NEXT, ONE_HOST, running
from tests.waiting import until

pytestmark = pytest.mark.timeout(900)
BURST = 25  # members; each with eight events, each sent twice
SLOW_SECONDS = 8  # a call to Mailchimp that keeps a task at its work
PERIOD_SECONDS, BEFORE_SECONDS = 30, 12
QUEUED = "SELECT count(*) AS count FROM task_instance WHERE dag_id = %s AND state = 'queued'"


@pytest.fixture(scope="module", params=[ONE_HOST, CELERY])
def form(request, tmp_path_factory):
    """Give each form of production in turn, up and healthy."""
    with running(request.param, tmp_path_factory.mktemp(request.param)) as form:
        yield form


@pytest.fixture
def stage(form):
    """Give the vendors on one side, what came of it on the other; all is healthy when a test begins."""
    form.deployment.wait_until_healthy(seconds=180)
    with stage_on(form.stack) as stage:
        yield stage
        stage.database.close()  # it may be another than the one at the beginning
        stage.sandbox.http.delete("/faults").raise_for_status()


@pytest.fixture
def heals(form, stage, say, request):
    """Give what waits until a load is over and all is healthy again, and checks what came of it."""

    def heals(load, since, *, seconds):
        stage.database.close()  # it may be dead
        assert until(lambda: connects(stage, form.stack), 60), "Postgres does not come back"
        is_over = until(load.is_over, seconds - (time.monotonic() - since))
        took = time.monotonic() - since
        found = check(stage, load)
        say.in_the_end(
            f"{request.node.name}: {took:.0f} s (at most {seconds}); {found.summary(load)}"
        )
        assert found.broken == []
        assert is_over, f"rows are still open after {took:.0f} s"
        assert found.acknowledged == len(load.events)
        form.deployment.wait_until_healthy(seconds=120)

    return heals


def connects(stage, stack):
    """Connect the stage to its database anew; tell whether that went."""
    with suppress(psycopg.OperationalError):
        stage.database = open_database(stack.database_url)
        return True
    return False


def joining(stage, number=BURST):
    """Return a load of members who are about to join."""
    load = Load(stage)
    load.join(number)
    return load


def is_under_way(stage, load):
    """Tell whether some of the load's events were taken in, and not all are dealt with."""
    states = [row.state for row in stage.rows([*load.events])]
    return any(state in {"waiting", "dispatched"} for state in states)


@pytest.mark.parametrize("part", ["relay", "scheduler", "api-server", "postgres"])
def test_part_dies_in_a_burst(form, stage, heals, part):
    """Kill -9 while webhooks come: all is done within a minute, and the part is there again."""
    load = joining(stage)

    with load.sending():
        assert until(lambda: is_under_way(stage, load), 30)
        is_back = form.kill(part)
        since = time.monotonic()

    heals(load, since, seconds=60)
    assert until(is_back, 60)


def test_triggerer_dies_before_an_end(form, stage, say):
    """A membership whose second comes while there is no triggerer ends all the same, and once."""
    member = stage.newcomer()
    stage.deliver("joins", stage.join(member, "clerk_first").events)
    [person] = stage.people([member])
    act = stage.sandbox.act("cancel_at_period_end", email=member.email, in_seconds=PERIOD_SECONDS)
    stage.deliver("cancels", act.events)
    ends_at = stage.planned_end(person.member_id).deactivate_at
    stage.wait(
        "its moment", lambda: (ends_at - stage.clock.now()).total_seconds() < BEFORE_SECONDS, 60
    )

    is_back = form.kill("triggerer")
    stage.wait(
        "the end",
        lambda: stage.planned_end(person.member_id).finished_at is not None,
        BEFORE_SECONDS + 60,
    )

    late = (stage.planned_end(person.member_id).finished_at - ends_at).total_seconds()
    say.in_the_end(f"{form.name}: without its triggerer a membership ended {late:.1f} s late")
    assert until(is_back, 60)
    told = [entry.action for entry in stage.audit(stage.people([member]))]
    assert told.count("member:deactivated") == 1
    assert stage.problems == []


def test_worker_dies_with_a_task_in_hand(form, stage, heals):
    """Kill -9 in the middle of a call to a vendor: another tries again within a minute and a half."""
    load = joining(stage, 4)
    stage.sandbox.post(
        "/faults", {"vendor": "mailchimp", "kind": "delay", "seconds": SLOW_SECONDS, "times": 1}
    )
    load.send()
    stage.wait("the slow call", lambda: stage.sandbox.get("/faults")["faults"][0]["fired"] > 0, 60)

    is_back = form.kill_working()
    since = time.monotonic()

    heals(load, since, seconds=90)
    assert until(is_back, 60)


def test_worker_dies_with_a_task_still_queued(form, stage, heals):
    """A message that a worker has taken from the broker and nobody has begun dies with it: its task goes on."""
    if form.name != CELERY:
        pytest.skip("no broker: a task is handed over by the scheduler itself")
    load = joining(stage, 4)
    workers = form.deployment.of(*form.services_of("worker"))
    assert form.freeze_pools() > 0
    load.send()
    with open_database(form.stack.airflow_database_url) as airflow:
        stage.wait(
            "the task in the queue", lambda: airflow.execute(QUEUED, (DAG,)).fetchone()["count"], 60
        )
    assert until(lambda: messages(form) == 0, 10), "the message is still at the broker"

    for one in workers:
        one.kill()
    since = time.monotonic()

    heals(load, since, seconds=90)


def test_broker_dies_with_messages_in_it(form, stage, heals):
    """Redis is killed while tasks wait in it: they are there when it is back, or are sent again."""
    if form.name != CELERY:
        pytest.skip("no broker")
    load = joining(stage, 4)
    with form.frozen("worker"):
        # Redis gives a message to who asks for one already: so no question may be open any more.
        assert until(lambda: asking(form) == 0, 30), "a worker's question is still open"
        load.send()
        assert until(lambda: messages(form) > 0, 60), "no message came to the broker"
        is_back = form.kill("redis")
        since = time.monotonic()

    heals(load, since, seconds=90)
    assert until(is_back, 60)


@pytest.mark.parametrize(("part", "named"), [("worker", "workers"), ("redis", "broker")])
@pytest.mark.usefixtures("stage")
def test_doctor_names_what_is_missing(form, part, named):
    """Without workers every task waits, without the broker nothing is even queued: it says which, and what to do."""
    if form.name != CELERY:
        pytest.skip("no broker, and no workers")

    with form.stopped(part):
        done = form.ops("doctor", "--json")

    assert done.returncode == 1, done.stderr
    checks = json.loads(done.stdout)["checks"]
    [found] = [one for one in checks if (one["group"], one["check"]) == ("Celery", named)]
    assert found["status"] == "failed"
    assert found["advice"]


def test_next_version_takes_over_with_runs_in_flight(form, stage, heals):
    """All containers are replaced by those of another image while members join: nothing is lost."""
    load = joining(stage)

    with load.sending():
        assert until(lambda: is_under_way(stage, load), 30)
        before = {name: one.id for name, one in form.deployment.containers.items()}
        form.wants_next()
        with docker_of(form) as docker:
            done = docker.shell("deploy/upgrade.sh")
        assert done.returncode == 0, done.stderr
        since = time.monotonic()

    heals(load, since, seconds=90)
    after = {name: (one.id, one.service.image) for name, one in form.deployment.containers.items()}
    ours = {name for name, one in form.deployment.containers.items() if one.service.is_built} - {
        "sandbox-1"
    }
    assert all(after[name][0] != before[name] and NEXT in after[name][1] for name in ours)


def asking(form):
    """Return how many workers wait at the broker for a message."""
    [redis] = form.deployment.of("redis")
    said = redis.run("redis-cli", "info", "clients").stdout
    return int(re.search(r"^blocked_clients:(\d+)", said, re.MULTILINE)[1])


def messages(form):
    """Return how many messages wait at the broker."""
    [redis] = form.deployment.of("redis")
    return int(redis.run("redis-cli", "llen", "default").stdout.split()[-1])
