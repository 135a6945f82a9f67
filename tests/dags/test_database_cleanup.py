"""The clean-up's tasks, as Airflow's task process runs them; Airflow's own tables are cleaned in tests/e2e."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import CronTriggerTimetable
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import TimeRestriction

from include.store.inbox import InboxState
from tests.airflow_task import load_dags, run_task

DAG = "database_cleanup"


@pytest.fixture
def old_event(connected):
    """Give the world with one event that ended a year ago."""
    [row] = connected.receive(*connected.join()[:1])
    connected.query(
        "UPDATE ops.inbox SET state = 'processed', finished_at = %s RETURNING id",
        datetime.now(UTC) - timedelta(days=365),
    )
    assert connected.rows([row]) == [InboxState.PROCESSED]
    return connected


def bodies(world):
    return world.query("SELECT count(body) AS count FROM ops.inbox")[0]["count"]


def run(**conf):
    return run_task(DAG, "clean_ops", run_id="scheduled__1", conf=conf)


def first_run(timetable, now, monkeypatch):
    """Return when the scheduler, which reads the timetable from a table, makes a new DAG's first run."""
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: now)
    stored = decode_timetable(json.loads(json.dumps(encode_timetable(timetable))))
    never = TimeRestriction(earliest=None, latest=None, catchup=False)
    return stored.next_dagrun_info(
        last_automated_data_interval=None, restriction=never
    ).logical_date


@pytest.mark.parametrize("minutes", [1, 9, 140])
def test_new_deployment_waits_for_its_first_night(monkeypatch, minutes):
    """Deployed right after 03:00, it cleans in the next night; with the words of cron alone it would do so now."""
    three = datetime(2026, 3, 4, 3, tzinfo=UTC)
    now = three + timedelta(minutes=minutes)
    planned = load_dags().dags[DAG].timetable

    assert first_run(planned, now, monkeypatch) == three + timedelta(days=1)
    assert first_run(CronTriggerTimetable("0 3 * * *", timezone="UTC"), now, monkeypatch) == three


def test_dry_run_removes_nothing(old_event):
    """The form's box is ticked: rows are counted, none is touched, nothing is audited."""
    end = run(dry_run=True)

    assert (end.state, bodies(old_event), old_event.audit()) == ("success", 1, [])


def test_run_removes_and_is_audited(old_event):
    """Without the tick the body goes, and clearing the task finds nothing more."""
    ends = [run(dry_run=False), run(dry_run=False)]

    assert [end.state for end in ends] == ["success", "success"]
    assert bodies(old_event) == 0
    assert old_event.audit() == ["job:completed"] * 2


def test_airflows_tables_are_cleaned_whatever_came_of_ours():
    """Two halves that have nothing to do with each other, one after the other."""
    task = load_dags().dags[DAG].get_task("clean_airflow")

    assert task.upstream_task_ids == {"clean_ops"}
    assert task.trigger_rule == "all_done"
