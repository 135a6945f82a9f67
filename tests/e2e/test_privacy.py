"""Secrets and e-mail addresses stay where they belong: no log, no conf, no XCom has them (J1)."""

import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.stage import DAG, Stage
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)


def test_logs_have_no_address_and_no_secret(local_stack: LocalStack, stage: Stage):
    """Every process' log and every task's log is read for the member's address and for each secret."""
    member = stage.newcomer()
    stage.deliver("joins", stage.join(member, "clerk_first").events)
    expect_members(stage, [member])
    stack = vars(local_stack.stack)
    secrets = [
        str(v) for name, v in stack.items() if name.endswith(("_password", "_secret", "_key"))
    ]

    text = "\n".join(local_stack.logs())

    assert "update_mailchimp" in text, "the task logs were not read"
    assert member.email not in text.lower()
    assert [secret for secret in secrets if secret in text] == []


def test_runs_carry_ids_only(stage: Stage):
    """What Airflow keeps of a run, and shows to every viewer, names rows of the inbox and nobody."""
    member = stage.newcomer()
    delivered = stage.deliver("joins", stage.join(member, "clerk_first").events)

    for run in delivered.runs:
        conf = stage.airflow.ask("GET", f"/dags/{DAG}/dagRuns/{run}").json()["conf"]
        assert set(conf) == {"inbox_ids"}
        entries = stage.airflow.ask(
            "GET", f"/dags/{DAG}/dagRuns/{run}/taskInstances/~/xcomEntries"
        ).json()["xcom_entries"]
        for entry in entries:
            path = (
                f"/dags/{DAG}/dagRuns/{run}/taskInstances/{entry['task_id']}"
                f"/xcomEntries/{entry['key']}"
            )
            assert "@" not in stage.airflow.ask("GET", path).text
