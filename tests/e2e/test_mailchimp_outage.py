"""Mailchimp is away for some seconds: Airflow tries again, and all ends as if nothing had been."""

import httpx
import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.stage import DAG, Stage

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
