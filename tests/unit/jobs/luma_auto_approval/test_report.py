"""When a run is red, and what it says of itself."""

import pytest

from include.jobs.luma_auto_approval.decide import Denial
from include.jobs.luma_auto_approval.report import MAX_ERRORS_SHOWN, ApprovalResult


def result(**values):
    return ApprovalResult(dry_run=False, **values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"events": 2, "approved": 3, "failed": 1, "failed_approvals": 1},
        {"events": 2, "settled": 1, "failed": 1, "failed_approvals": 1},
        {"events": 2, "failed_events": 1},
        {"events": 1, "approved": 1, "left": 5, "stopped": "the time is over"},
    ],
)
def test_run_that_did_something_is_green(values):
    """What is left or failed for some is the next run's."""
    assert not result(**values).is_failure


@pytest.mark.parametrize(
    "values",
    [
        {"events": 2, "failed_events": 2},
        {"events": 1, "failed": 3, "failed_approvals": 3},
        {"events": 1, "left": 5, "stopped": "Luma: too many calls"},
    ],
)
def test_run_that_could_do_nothing_is_red(values):
    """No event read, every decision refused, or no time for any: the next run would do no better."""
    assert result(**values).is_failure


def test_denied_strangers_do_not_hide_a_dead_key():
    """Counting who is no member is no decision: a key that may only read is found out."""
    outcome = result(events=1, failed=2, failed_approvals=2)
    outcome.denials[Denial.UNKNOWN] = 200

    assert outcome.processed == 202
    assert outcome.is_failure


def test_many_errors_are_counted_but_not_all_shown():
    """An audit row stays small, whatever happens."""
    outcome = result(events=1, approved=1)
    for number in range(MAX_ERRORS_SHOWN + 50):
        outcome.add_error("Luma answers 500", event="evt-1", guest=f"gst-{number}")

    document = outcome.document()
    assert (document["failed"], len(document["errors"])) == (MAX_ERRORS_SHOWN + 50, 100)
    assert document["errors"][0] == {"event": "evt-1", "guest": "gst-0", "why": "Luma answers 500"}
    assert outcome.summary == "approved 1, denied 0, errors 150 (Luma answers 500), left 0"
