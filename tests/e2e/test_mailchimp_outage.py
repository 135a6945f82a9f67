"""Mailchimp is away for some seconds: Airflow tries again, and all ends as if nothing had been."""

import httpx
import pytest

from include.failures.breakers import OPENS_AFTER
from include.lab.demo.checks import expect_members
from include.lab.demo.stage import DAG, Stage
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)


def test_outage_ends_in_a_retry(stage: Stage):
    """A vendor that is down fails the task's try, not the member: a later try does the work."""
    member = stage.newcomer()
    paid = stage.join(member, "clerk_first").of_type("checkout.session.completed")
    fault = stage.sandbox.post(
        "/faults", {"vendor": "mailchimp", "kind": "status", "status": 503, "body": "<html>"}
    )

    stage.sandbox.send(paid, copies=1, at_once=1)
    stage.wait("a failed try", lambda: "up_for_retry" in states(stage, paid[0].id), 60)
    stage.sandbox.http.delete(f"/faults/{fault['id']}").raise_for_status()
    delivered = stage.deliver("the vendor sends it again", paid)

    [run] = delivered.runs
    tries = {task.task: task.try_number for task in stage.airflow.tasks(DAG, run)}
    assert tries["update_mailchimp"] > 1
    expect_members(stage, [member])
    assert stage.problems == []


def states(stage: Stage, event_id: str) -> set[str | None]:
    """Return the states of the tasks that deal with an event now; none where Airflow does not know its run yet.

    The relay writes down which run it is going to start before it asks Airflow for it.
    """
    runs = [row.dag_run_id for row in stage.rows([event_id]) if row.dag_run_id]
    asked = [stage.airflow.ask("GET", f"/dags/{DAG}/dagRuns/{run}/taskInstances") for run in runs]
    found = [answer for answer in asked if answer.status_code != httpx.codes.NOT_FOUND]
    tasks = [
        task for answer in found for task in answer.raise_for_status().json()["task_instances"]
    ]
    return {task["state"] for task in tasks}


def test_person_who_has_mended_it_does_not_wait_for_the_next_probe(
    local_stack: LocalStack, stage: Stage
):
    """`status` says in one summary who waits and when it is tried again; `probe` has it tried at once."""
    members = [stage.newcomer(number) for number in range(OPENS_AFTER)]
    paid = [
        event
        for member in members
        for event in stage.join(member, "clerk_first").of_type("checkout.session.completed")
    ]
    fault = stage.sandbox.post(
        "/faults", {"vendor": "mailchimp", "kind": "status", "status": 503, "body": "<html>"}
    )
    stage.sandbox.send(paid, copies=1, at_once=1)
    stage.wait("its breaker opens", lambda: "mailchimp is not called" in status(local_stack), 120)

    told = local_stack.ops("status")
    in_vain = local_stack.ops("probe", "mailchimp")
    stage.sandbox.http.delete(f"/faults/{fault['id']}").raise_for_status()
    done = local_stack.ops("probe", "mailchimp")
    stage.deliver("the vendor sends it again", paid)  # what the job gave up is tried again alone

    assert told.returncode == 1
    assert told.stdout.startswith("Not well")
    assert in_vain.returncode == 1
    assert "mailchimp does not answer" in in_vain.stderr
    assert (done.returncode, "mailchimp answers again" in done.stdout) == (0, True), done.stderr
    assert "mailchimp is not called" not in status(local_stack)
    expect_members(stage, members)  # runs of the outage have failed: that is no problem here


def status(local_stack: LocalStack) -> str:
    """Return what a person reads, as one line."""
    return " ".join(local_stack.ops("status").stdout.split())
