"""The retention file and what Airflow's command prints: read strictly."""

import pytest

from include.clients.airflow_command import counts_from
from include.jobs.database_cleanup import load_rules

AIRFLOW = "airflow: {keep_days: 90, tables: [log]}\n"
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
        rules(tmp_path, f"ops:\n{ops}\nairflow: {{keep_days: 90, tables: [log, trigger]}}\n")


def test_too_short_a_time_is_refused(tmp_path):
    """A review of dead letters waits a week for its answer."""
    with pytest.raises(ValueError, match="greater than or equal to 7"):
        rules(tmp_path, f"ops: {{inbox_bodies: 1}}\n{AIRFLOW}")


def test_counts_are_read_per_table():
    """The command prints the table, then what it found, then perhaps batches."""
    assert counts_from("nothing to see") == {}
    assert counts_from(PRINTED)["dag_run"] == 0
    assert counts_from(PRINTED)["log"] == 12
