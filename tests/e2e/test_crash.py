"""A process of the stack is killed: supervisor starts it again, says so, and no work is lost."""

import json
import time
from contextlib import closing

import psutil
import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.stage import Stage
from include.lab.stack import family
from include.lab.stack.supervisor import Supervisor
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)


def test_killed_scheduler_comes_back_and_the_run_ends(local_stack: LocalStack, stage: Stage):
    """Kill -9 of the scheduler in the middle of a task: the run goes on under the next scheduler."""
    member = stage.newcomer()
    paid = stage.join(member, "clerk_first").of_type("checkout.session.completed")
    stage.sandbox.post(
        "/faults",
        {"vendor": "mailchimp", "method": "PUT", "kind": "delay", "seconds": 3, "times": 1},
    )
    before = restarts(local_stack, "scheduler")

    stage.sandbox.send(paid, copies=1, at_once=1)
    stage.wait("the slow call", lambda: stage.sandbox.get("/faults")["faults"][0]["fired"] > 0, 60)
    for process in schedulers(local_stack):
        process.kill()
    stage.wait("its restart", lambda: restarts(local_stack, "scheduler") > before, 60)
    stage.deliver("the vendor sends it again", paid)

    expect_members(stage, [member])
    assert stage.problems == []
    said = local_stack.ops("status").stdout.splitlines()
    assert any(line.startswith("scheduler") and "SIGKILL" in line for line in said)


@pytest.mark.parametrize("name", ["relay", "sandbox", "triggerer", "dag-processor", "api-server"])
def test_killed_process_is_started_again(local_stack: LocalStack, name):
    """Whichever is killed is back, under another id, and counted in `status --json`."""
    before = restarts(local_stack, name)
    with closing(Supervisor(local_stack.stack)) as supervisor:
        old = running(supervisor, name)
        assert old

        psutil.Process(old).kill()

        deadline = time.monotonic() + 60
        while running(supervisor, name) in (None, old):
            assert time.monotonic() < deadline, f"{name} does not come back"
            time.sleep(0.1)
    assert restarts(local_stack, name) > before


def schedulers(local_stack: LocalStack) -> list[psutil.Process]:
    """Return the scheduler itself and whatever stands in for it under supervisor."""
    found = [
        process
        for process in family.members(local_stack.stack.id)
        if "scheduler" in " ".join(process.cmdline())
    ]
    assert found
    return found


def running(supervisor: Supervisor, name: str) -> int | None:
    """Return the id of a process that supervisor calls running."""
    return next(
        (one.pid for one in supervisor.processes() if one.name == name and one.state == "RUNNING"),
        None,
    )


def restarts(local_stack: LocalStack, name: str) -> int:
    """Return how often a process was started again, as `status --json` says."""
    processes = json.loads(local_stack.ops("status", "--json").stdout)["processes"]
    return next(process["restarts"] for process in processes if process["name"] == name)
