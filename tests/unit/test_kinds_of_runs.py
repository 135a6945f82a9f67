"""Kinds of runs: who starts them, and what was asked of them."""

from enum import StrEnum

import pytest

from include.airflow_api.kinds import LOOK_FIRST, is_dry, kind_of_run


class DagRunType(StrEnum):
    """As Airflow gives it to a task: an enumeration of texts."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"


def test_runs_of_the_relay_are_of_one_kind():
    """Each has other rows to work on."""
    assert (
        kind_of_run("manual", {"inbox_ids": [1, 2]})
        == kind_of_run("manual", {"inbox_ids": [3]})
        == "manual"
    )
    assert kind_of_run("scheduled", None) == "scheduled"


def test_run_of_which_something_else_was_asked_is_of_another_kind():
    """A switch that is off asks nothing; what was typed is not in the name, for it may name a person."""
    plain = kind_of_run("manual", {"deep": False, "dry_run": False})
    dry, one = (
        kind_of_run("manual", {"dry_run": True}),
        kind_of_run("manual", {"guest": "ada@example.org"}),
    )

    assert plain == "manual"
    assert len({plain, dry, one}) == 3
    assert "ada" not in one


def test_dry_runs_are_known_by_what_was_asked():
    assert is_dry("reconciliation", "manual", {"dry_run": True})
    assert not is_dry("reconciliation", "manual", {"dry_run": False})
    assert not is_dry("reconciliation", "manual", None)


@pytest.mark.parametrize("job", sorted(LOOK_FIRST))
def test_what_removes_or_approves_only_looks_by_hand_until_the_form_says_otherwise(job):
    """A tick of the schedule does its work: it has no form."""
    assert is_dry(job, "manual", {})
    assert is_dry(job, DagRunType.MANUAL, None)
    assert not is_dry(job, "manual", {"dry_run": False})
    assert not is_dry(job, DagRunType.SCHEDULED, {})
