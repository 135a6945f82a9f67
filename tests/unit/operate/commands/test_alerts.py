"""What `./ops alerts` takes in and shows."""

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from include.alerts.history import Firing, paired
from include.errors import CommandError
from include.lab.cli import make_app
from include.operate.commands.alerts import begin_from, document

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ops(*arguments):
    """Run the command."""
    return CliRunner().invoke(make_app(["alerts"]), ["alerts", *map(str, arguments)])


def firing(rule="r", seconds=0):
    """Make a firing."""
    at = NOON + timedelta(seconds=seconds)
    return Firing(
        rule=rule, job=None, since=at, fired_at=at, resolved_at=None, numbers={"dlq_count": 21}
    )


def test_rules_of_the_repository_pass_their_trials():
    """As CI runs them."""
    result = ops("test")

    assert result.exit_code == 0
    assert result.output.splitlines()[-1].endswith("passed, 0 failed")


def test_failing_trial_is_told(tmp_path):
    """With 1, so that CI sees it."""
    path = tmp_path / "x.yaml"
    path.write_text("rule: job_queue_backup\ncases: [{name: never, series: {queued_jobs: 101}}]\n")

    result = ops("test", path)

    assert result.exit_code == 1
    assert "FAILED  job_queue_backup: never" in result.output
    assert "fires from minute 0 on, expected never" in result.output


@pytest.mark.parametrize("command", ["check", "test", "backtest"])
def test_rules_that_cannot_be_used_are_refused(tmp_path, command):
    """With line, column and the nearest name, whatever is asked of them."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "alerts:\n  - {name: x, condition: dlq > 1, window: 5m, severity: low, notify: []}\n"
    )

    result = ops(command, "--rules", path)

    assert isinstance(result.exception, CommandError)
    assert "mine.yaml:2:70: notify" in str(result.exception)


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("30d", NOON - timedelta(days=30)),
        ("90m", NOON - timedelta(minutes=90)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T00:00:00+00:00", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_time_to_look_back(text, begin):
    """A span, or a moment."""
    assert begin_from(text, NOON) == begin


@pytest.mark.parametrize("text", ["", "d", "30 days", "yesterday"])
def test_no_time_is_refused(text):
    """With an example."""
    with pytest.raises(CommandError, match="write 30d"):
        begin_from(text, NOON)


def test_same_firings_are_put_together():
    """Within a minute they are one; the others stand alone, on their side."""
    played = [firing(seconds=0), firing("s", seconds=30), firing(seconds=600)]
    kept = [firing(seconds=50), firing("s", seconds=3600)]

    pairs = paired(played, kept)

    assert pairs == [
        (played[0], kept[0]),
        (played[1], None),
        (played[2], None),
        (None, kept[1]),
    ]
    assert document(pairs, start=NOON, minutes=9)["same"] is False
    assert document(pairs[:1], start=NOON, minutes=9)["same"] is True
