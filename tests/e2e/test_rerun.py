"""A person clears any task of a finished run: it runs again, and nothing changes in the world."""

from dataclasses import asdict
from typing import Any

import pytest

from include.stack.demo.airflow import ENDED, Airflow
from include.stack.demo.checks import expect_members
from include.stack.demo.play import stage_on
from include.stack.demo.stage import DAG, Newcomer, Stage
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)
TASKS = ("load_members", "update_mailchimp", "trigger_welcome", "record")


@pytest.fixture(scope="module")
def finished(local_stack: LocalStack) -> tuple[Newcomer, list[str], str]:
    """Let a member join; returns her, her events and the run that welcomed her."""
    with stage_on(local_stack.stack) as stage:
        member = stage.newcomer()
        joined = stage.join(member, "clerk_first")
        stage.deliver("signs up", joined.of("clerk"))
        paid = stage.deliver("pays", joined.of_type("customer.subscription.created"))
        expect_members(stage, [member])
        assert stage.problems == []
        [run] = paid.runs
        return member, [event.id for event in joined.events], run


@pytest.mark.parametrize("tasks", [*[(task,) for task in TASKS], TASKS], ids="+".join)
def test_cleared_task_changes_nothing(finished, stage: Stage, tasks):
    """Every effect is keyed: a second try of a task, or of all, finds its work done."""
    member, events, run = finished
    before = world(stage, member, events)
    cleared_at = stage.clock.now().timestamp()

    clear(stage.airflow, run, tasks)
    stage.wait("the run's end", lambda: stage.airflow.run_state(DAG, run) in ENDED, 60)

    tries = {task.task: task for task in stage.airflow.tasks(DAG, run)}
    assert all(tries[task].try_number > 1 for task in tasks)
    assert {task.state for task in tries.values()} <= {"success", "skipped"}
    assert world(stage, member, events) == before
    written = [c for c in stage.sandbox.calls("mailchimp", since=cleared_at) if c.method != "GET"]
    assert written == []


def clear(airflow: Airflow, run: str, tasks: tuple[str, ...]) -> None:
    """Clear these tasks as the UI does: the tasks alone, and the run goes on."""
    wish = {
        "dry_run": False,
        "only_failed": False,
        "dag_run_id": run,
        "task_ids": list(tasks),
        "reset_dag_runs": True,
    }
    answer = airflow.ask("POST", f"/dags/{DAG}/clearTaskInstances", wish)
    assert answer.is_success, answer.text


def world(stage: Stage, member: Newcomer, events: list[str]) -> dict[str, Any]:
    """Return all that is known of a member: at Mailchimp, on the platform, in inbox and audit log."""
    people = stage.people([member])
    rows = stage.rows(events)
    return {
        "mailchimp": stage.sandbox.get("/state/mailchimp", email=member.email),
        "platform": [asdict(person) for person in people],
        "audit": [asdict(line) for line in stage.audit(people)],
        "inbox": [asdict(row) for row in rows],
    }
