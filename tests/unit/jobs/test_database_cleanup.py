"""The retention file and what Airflow's command prints: read strictly."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from include.airflow_api.command import counts_from
from include.clock import FixedClock
from include.jobs.database_cleanup import steps as job
from include.jobs.database_cleanup.decide import load_rules

LOGS = "logs: {keep_days: 30}\n"
AIRFLOW = f"airflow: {{keep_days: 90, tables: [log]}}\n{LOGS}"
PRINTED = """
Checking table log
Found 12 rows meeting deletion criteria.
Performing Delete (batch 1, max 10000 rows)...
Found 3 rows meeting deletion criteria.

Checking table dag_run
Found 0 rows meeting deletion criteria.
"""


def rules(tmp_path, text):
    path = tmp_path / "retention.yaml"
    path.write_text(text)
    return load_rules(path)


def test_file_of_the_repository_is_complete():
    """Every rule has its statements, every pair of statements has its rule."""
    found = load_rules()

    assert found.ops["inbox_bodies"] == 90
    assert "trigger" not in found.airflow.tables


def test_rule_without_statements_is_refused(tmp_path):
    """A rule that nothing carries out would keep for ever what somebody believes gone."""
    with pytest.raises(ValueError, match=r"rules and statements differ: .*no_such_rule"):
        rules(tmp_path, f"ops: {{no_such_rule: 90}}\n{AIRFLOW}")


def test_table_that_waits_is_refused(tmp_path):
    """Cleaning `trigger` deletes the tasks that wait in one."""
    ops = "\n".join(f"  {name}: {days}" for name, days in load_rules().ops.items())

    with pytest.raises(ValueError, match="never cleaned: trigger"):
        rules(tmp_path, f"ops:\n{ops}\nairflow: {{keep_days: 90, tables: [log, trigger]}}\n{LOGS}")


def test_too_short_a_time_is_refused(tmp_path):
    """A review of dead letters waits a week for its answer."""
    with pytest.raises(ValueError, match="greater than or equal to 7"):
        rules(tmp_path, f"ops: {{inbox_bodies: 1}}\n{AIRFLOW}")


def test_counts_are_read_per_table():
    """The command prints the table, then what it found, then perhaps batches."""
    assert counts_from("nothing to see") == {}
    assert counts_from(PRINTED)["dag_run"] == 0
    assert counts_from(PRINTED)["log"] == 12


NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)


def log_of(folder, name, *, days):
    """Write a task's log that was last written to so many days ago."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("said")
    then = (NOW - timedelta(days=days)).timestamp()
    os.utime(file, (then, then))
    return file


@pytest.fixture
def logs(tmp_path):
    """Return a log folder with an old run, and a run of which one file is still written to."""
    log_of(tmp_path, "dag_id=a/run_id=old/task_id=t/attempt=1.log", days=400)
    log_of(tmp_path, "dag_id=a/run_id=long/task_id=t/attempt=1.log", days=400)
    log_of(tmp_path, "dag_id=a/run_id=long/task_id=t/attempt=2.log", days=1)
    return tmp_path


def clean(logs, *, dry_run):
    """Clean it by the rules of production."""
    return job.clean_logs(load_rules(), folder=logs, dry_run=dry_run, clock=FixedClock(NOW))


def test_old_logs_go_with_the_folders_that_are_empty_then(logs):
    """A folder per task and run is left for ever otherwise."""
    assert clean(logs, dry_run=False) == 2

    assert [file.name for file in logs.rglob("*.log")] == ["attempt=2.log"]
    assert {one.name for one in (logs / "dag_id=a").iterdir()} == {"run_id=long"}
    assert clean(logs, dry_run=False) == 0
    assert logs.is_dir()


def test_a_dry_run_counts_old_logs(logs):
    """And removes none."""
    assert clean(logs, dry_run=True) == 2
    assert len([*logs.rglob("*.log")]) == 3


def test_a_link_out_of_the_log_folder_is_not_followed(logs, tmp_path_factory):
    """Airflow links `latest`; what a link leads to is not ours to remove."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    kept = log_of(elsewhere, "old.log", days=400)
    (logs / "latest").symlink_to(elsewhere, target_is_directory=True)

    clean(logs, dry_run=False)

    assert kept.exists()
