"""`./ops doctor` on the real stack: all is well, nothing is changed, and a person's slip is found."""

import json

import psycopg
import pytest

from include.lab.demo.other_sales import OTHER_PRICES
from include.lab.demo.sandbox import DemoSandbox
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)

# What the stack itself does not change, but for the columns in which Airflow counts log-ins.
KEPT = {
    "ab_user": "to_jsonb(t) - '{last_login,login_count,fail_login_count,changed_on}'::text[]",
    "ab_role": "to_jsonb(t)",
    "ab_user_role": "to_jsonb(t)",
    "ab_permission_view_role": "to_jsonb(t)",
    "connection": "to_jsonb(t)",
    "slot_pool": "to_jsonb(t)",
    "variable": "to_jsonb(t)",
}
CONTENT = "SELECT {} FROM {} AS t ORDER BY 1"
PAUSE = "UPDATE dag SET is_paused = %s WHERE dag_id = 'webhook_retry'"
SOLD_BESIDES = {f"membership policy: price_{name}" for name in OTHER_PRICES}
"""What a story of the demo may have sold before, which no plan names."""
LOOKS = 3
"""The relay may start a run of an earlier test's events meanwhile. A doctor that starts one does so at each look."""
STARTED = "SELECT count(*) FROM dag_run WHERE run_type <> 'scheduled'"


def content_of(dsn):
    with psycopg.connect(dsn) as connection:
        kept = {
            table: connection.execute(CONTENT.format(what, table)).fetchall()
            for table, what in KEPT.items()
        }
        return kept | {"started": connection.execute(STARTED).fetchone()}


def examined(local_stack: LocalStack):
    done = local_stack.ops("doctor", "--json")
    return done.returncode, json.loads(done.stdout)


def test_all_is_well_and_stays_as_it_is(local_stack: LocalStack):
    """Airflow's real tables and roles are read as they are; vendors are only asked; no secret of the stack is told."""
    stack = local_stack.stack
    for _ in range(LOOKS):
        before = content_of(stack.airflow_database_url)
        code, document = examined(local_stack)
        after = content_of(stack.airflow_database_url)
        if after == before:
            break

    noted = [
        one
        for one in document["checks"]
        if one["status"] == "failed"
        or (one["status"] == "warning" and one["check"] not in SOLD_BESIDES)
    ]
    assert noted == []
    assert (code, document["ok"]) == (0, True)
    assert after == before
    secrets = [
        value for value in vars(stack).values() if isinstance(value, str) and len(value) > 12
    ]
    assert [value for value in secrets if value in json.dumps(document)] == []


def test_paused_dag_and_wrong_key_are_found(local_stack: LocalStack):
    """The exit code says it, and each line what to do."""
    stack = local_stack.stack
    with (
        psycopg.connect(stack.airflow_database_url, autocommit=True) as airflow,
        DemoSandbox.at(stack.sandbox_url) as sandbox,
        sandbox.fault("luma", status=401) as fired,
    ):
        airflow.execute(PAUSE, [True])
        try:
            code, document = examined(local_stack)
        finally:
            airflow.execute(PAUSE, [False])
        assert fired() > 0

    failed = {
        one["check"]: one["advice"] for one in document["checks"] if one["status"] == "failed"
    }
    assert code == 1
    assert set(failed) == {"DAG webhook_retry", "Luma"}
    assert all(failed.values())
