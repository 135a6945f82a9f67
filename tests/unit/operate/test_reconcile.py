"""`./ops reconcile`: what it prints for people and for programs."""

import json
from datetime import UTC, datetime

import pytest

from include.errors import CommandError
from include.operate.commands import reconcile
from include.store.reconciliations import CheckFinding, ReconciliationReport
from tests.factories import make_deployment

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
HERE = make_deployment()


def report(**details):
    """Make a report of a deep run that has stopped at one check."""
    stopped = CheckFinding(
        check="stripe_state",
        found=12,
        looked_at=24,
        stopped="12 of 24 differ",
        examples=("sub_1", "sub_2"),
    )
    usual = {"dag_run_id": "r", "is_deep": True, "is_dry_run": False, "started_at": AT}
    findings = {"stripe_state": stopped, "late_rows": CheckFinding(check="late_rows")}
    return ReconciliationReport(**{**usual, "finished_at": AT, "findings": findings, **details})


def test_json_has_every_count():
    """For programs: per check what was looked at, found, put right and left."""
    document = json.loads(json.dumps(reconcile.document(report())))

    assert (document["deep"], document["finished_at"]) == (True, "2026-03-01T02:00:00+00:00")
    assert document["findings"]["stripe_state"] == {
        "looked_at": 24,
        "found": 12,
        "repaired": 0,
        "left": 12,
        "note": None,
        "stopped": "12 of 24 differ",
        "examples": ["sub_1", "sub_2"],
    }


def test_people_read_what_was_stopped(capsys):
    """The check, the counts, why, and where the run is."""
    reconcile.tell(HERE, report(is_dry_run=True))

    out = capsys.readouterr().out
    assert "2026-03-01 02:00:00 UTC, deep run, nothing was put right, ended 02:00:00" in out
    assert "stripe state" in out
    assert "stopped: 12 of 24 differ" in out
    assert "/dags/reconciliation/runs/r" in out


@pytest.mark.parametrize(
    ("details", "is_well"),
    [({}, False), ({"findings": {}}, True), ({"findings": {}, "finished_at": None}, False)],
)
def test_exit_code_says_whether_a_person_must_look(details, is_well):
    """What was stopped, or did not come to its end, is not well."""
    assert reconcile.is_well(report(**details)) is is_well


def test_no_report_yet_is_said():
    """`--show` before the first run."""
    with pytest.raises(CommandError, match="has not run yet"):
        reconcile.newest([])
