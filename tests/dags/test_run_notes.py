"""What a run did stands in its note, in Airflow's own table; what a person has written there stays."""

import json

import psycopg
import pytest

from include.dagkit import report_failure
from tests.airflow_task import run_task
from tests.dags.test_failure_callback import RUN, full_context

DAG = "mailchimp_sync"
TASKS = ("load_members", "update_mailchimp", "trigger_welcome", "record")
TABLES = """
CREATE SCHEMA airflow;
CREATE TABLE airflow.dag_run (id serial PRIMARY KEY, dag_id text NOT NULL, run_id text NOT NULL);
CREATE TABLE airflow.dag_run_note (
  dag_run_id integer PRIMARY KEY REFERENCES airflow.dag_run, user_id varchar(128), content varchar(1000),
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE TABLE airflow.deadline (dagrun_id integer, missed boolean, deadline_time timestamptz);
"""
"""As Airflow's models make them, as far as we write there."""


class Notes:
    """The notes of runs."""

    def __init__(self, world):
        """Make Airflow's tables beside ours."""
        self.world = world
        with psycopg.connect(world.dsn, autocommit=True) as connection:
            connection.execute(TABLES)

    def begin(self, dag_id, run_id="run_1"):
        """Have Airflow know a run."""
        self.world.query(
            "INSERT INTO airflow.dag_run (dag_id, run_id) VALUES (%s, %s) RETURNING id",
            dag_id,
            run_id,
        )

    def write(self, words, *, user_id):
        """Have a person write the run's note, as Airflow's REST API does."""
        self.world.query(
            "INSERT INTO airflow.dag_run_note SELECT id, %s, %s, now(), now() FROM airflow.dag_run RETURNING 1",
            user_id,
            words,
        )

    def text(self):
        """Return the only note."""
        [row] = self.world.query("SELECT content FROM airflow.dag_run_note")
        return row["content"]


@pytest.fixture
def notes(connected, monkeypatch):
    """Give the notes, with the connection to Airflow's database leading to them."""
    info = connected.store.connection.info
    document = {
        "conn_type": "postgres",
        "host": info.host,
        "port": info.port,
        "login": info.user,
        "schema": info.dbname,
        "extra": {"options": "-c search_path=airflow"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_POSTGRES", json.dumps(document))
    return Notes(connected)


def sync(world, ids, *tasks):
    """Run tasks of the sync on these rows."""
    for task in tasks:
        run_task(DAG, task, run_id="run_1", conf={"inbox_ids": ids})


def test_good_run_says_what_came_of_its_members(connected, notes):
    """Without her address."""
    notes.begin(DAG)
    sync(connected, connected.receive(*connected.join()), *TASKS)

    assert notes.text() == "1 member: 1 is new"


def test_failed_run_says_why_and_which_dead_letter_it_left(connected, notes):
    """The note is what a person reads first who opens a red run."""
    notes.begin(DAG)
    ids = connected.receive(*connected.join())
    connected.sandbox.fault("mailchimp", "status", status=404)
    sync(connected, ids, *TASKS)

    assert notes.text().startswith("Failed: failed members: 1 (")
    assert notes.text().endswith("; 1 member: 1 failed; dead letter 1")
    assert "@" not in notes.text()


def test_uncertain_welcome_is_said(connected, notes):
    """Green in all four tasks, and a person has to look: the run's page says so."""
    notes.begin(DAG)
    ids = connected.receive(*connected.join())
    sync(connected, ids, *TASKS[:2])
    connected.sandbox.fault("mailchimp", "lost_answer", path="/customer-journeys/*", times=1)
    sync(connected, ids, *TASKS[2:])

    assert notes.text() == "1 member: 1 is new; welcome uncertain; dead letter 1"


def test_run_without_members_says_so(connected, notes):
    """An empty note could also be one that was not written."""
    notes.begin(DAG)
    sync(connected, [], "load_members")

    assert notes.text() == "Nothing to do"


def test_what_a_person_has_written_stays(connected, notes):
    """Ours comes after it, also when the run is cleared."""
    notes.begin(DAG)
    notes.write("asked by Grace", user_id="7")
    for _ in range(2):
        sync(connected, [], "load_members")

    assert notes.text() == "asked by Grace\n\nWhat came of it: Nothing to do"


def test_dry_run_says_what_would_be(connected, notes):
    """On its page: the form's result is no log line. It counts nowhere as a success or a failure."""
    notes.begin("luma_auto_approval")
    run_task("luma_auto_approval", "approve_members", run_id="run_1", conf={"dry_run": True})

    assert notes.text().startswith("Only looked. It would be: approved 0, denied 0")
    [row] = connected.query("SELECT is_dry FROM ops.job_runs")
    assert row["is_dry"]


def test_both_halves_of_the_clean_up_are_said(connected, notes):
    """What the first task has said is in the note that the last one writes."""
    notes.begin("database_cleanup")
    run_task("database_cleanup", "clean_ops", run_id="run_1", conf={"dry_run": True})
    said = connected.store.job_runs.said("database_cleanup", "run_1")
    connected.store.job_runs.say(
        "database_cleanup", "run_1", "clean_airflow", "of Airflow's: nothing"
    )

    assert said == ["Only looked. It would be: of our tables removed: nothing"]
    assert connected.store.job_runs.said("database_cleanup", "run_1") == [
        "of Airflow's: nothing",
        *said,
    ]


def test_rules_say_what_fires(connected, notes):
    """Each minute, in a word."""
    notes.begin("alert_rules")
    run_task("alert_rules", "evaluate", run_id="run_1")

    assert notes.text() == "nothing fires"


def test_run_whose_process_was_killed_is_noted_by_the_callback(connected, notes):
    """None of its tasks could."""
    notes.begin(DAG, RUN)
    report_failure(full_context())

    assert notes.text() == "Failed: task_failure"


def test_note_that_cannot_be_written_fails_nothing(connected):
    """Airflow's database is not reached: the run is over all the same."""
    sync(connected, [], "load_members")

    assert connected.store.job_runs.get(DAG, "run_1").status == "success"
