"""What `./ops dead-letters` takes in and shows."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from rich.console import Console
from typer.testing import CliRunner

from include.errors import CommandError, ErrorClass
from include.failures.dead_letters import DecisionResult, Preview
from include.lab.cli import make_app
from include.operate.commands.dead_letters import left_text, none_text
from include.operate.dead_letters.filter_options import moment_from
from include.operate.dead_letters.shown import (
    attempt_document,
    attempt_table,
    document,
    letter_table,
)
from include.store.dead_letters import (
    Attempt,
    DeadLetter,
    DeadLetterAction,
    DeadLetterState,
    Severity,
)
from tests.factories import make_deployment

HERE = make_deployment()
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def a_letter(**changes):
    """Make an open letter, with these changes."""
    fields = {
        "id": 7,
        "job": "mailchimp_sync",
        "subject": f"member:{UUID(int=1)}",
        "state": DeadLetterState.OPEN,
        "error_class": ErrorClass.TRANSIENT,
        "fingerprint": "abc",
        "reason": "Mailchimp is out of service",
        "severity": Severity.ERROR,
        "vendor": "mailchimp",
        "member_id": UUID(int=1),
        "dag_run_id": "retry.stripe.test.evt_1.try2",
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "since": NOW,
        "act_id": None,
        "actor": None,
        "why": None,
        "closed_at": None,
        "attempts": 6,
        "is_fixed": False,
    }
    return DeadLetter(**{**fields, **changes})


def a_try(**changes):
    fields = {
        "job": "webhook_retry",
        "dag_run_id": "retry.stripe.test.evt_1.try2",
        "try_number": 1,
        "due_at": NOW,
        "started_at": NOW + timedelta(seconds=0.5),
        "ended_at": NOW + timedelta(seconds=1),
        "error_class": ErrorClass.TRANSIENT,
        "reason": "Mailchimp is out of service",
    }
    return Attempt(**{**fields, **changes})


def text_of(table):
    """Return what a person sees."""
    shown = StringIO()
    Console(width=240, file=shown).print(table)
    return shown.getvalue()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("6h", NOW - timedelta(hours=6)),
        (" 2d ", NOW - timedelta(days=2)),
        ("2026-11-01T10:00+01:00", NOW - timedelta(days=1)),
    ],
)
def test_time_is_so_long_ago_or_a_moment(text, moment):
    """As a person thinks of it."""
    assert moment_from(text, now=NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "h", "-1h", "yesterday", "2026-11-01", "99999999999999d", "²h"]
)
def test_time_that_cannot_be_read_is_said(text):
    """In one line, with how to write it."""
    with pytest.raises(CommandError, match="cannot be read: write 90m"):
        moment_from(text, now=NOW)


def test_json_leads_to_the_run_that_failed_last():
    """The retry's, where it was one; else the job's own."""
    assert document(HERE, a_letter())["link"].endswith(
        "/dags/webhook_retry/runs/retry.stripe.test.evt_1.try2"
    )
    assert document(HERE, a_letter(dag_run_id="batch.1-2.2"))["link"].endswith(
        "/dags/mailchimp_sync/runs/batch.1-2.2"
    )
    assert document(HERE, a_letter(dag_run_id=None))["link"] is None


def test_tries_show_how_late_they_began():
    """The measured lag is for people and for programs."""
    assert attempt_document(HERE, a_try())["lag_seconds"] == 0.5
    assert "0.50 s" in text_of(attempt_table(HERE, [a_try(), a_try(due_at=None)]))


def test_nothing_from_outside_is_markup():
    """A reason with brackets is shown as it is."""
    letters = [a_letter(reason="[red]x[/red]", why="[b]y[/b]", is_fixed=True)]

    shown = text_of(letter_table(HERE, letters))

    assert "[red]x[/red]" in shown
    assert "fixed by a later event: [b]y[/b]" in shown


def test_every_act_has_its_command():
    """With what is asked of it."""
    commands = ("list", "show", "replay", "compensate", "abandon", "undo", "close-fixed", "hold")
    help_text = CliRunner().invoke(make_app(["dead-letters"]), ["dead-letters", "--help"]).output

    assert all(f" {name} " in help_text for name in (*commands, "resume"))
    options = (
        CliRunner().invoke(make_app(["dead-letters"]), ["dead-letters", "replay", "--help"]).output
    )
    assert all(f"--{name}" in options for name in ("dry-run", "json", "yes", "reason", "member"))


@pytest.mark.parametrize(
    ("act", "groups", "elsewhere", "said"),
    [
        (DeadLetterAction.REPLAY, (), {}, "no such dead letter"),
        (
            DeadLetterAction.REPLAY,
            (),
            {DeadLetterState.REPLAYING: 2, DeadLetterState.ABANDONED: 1},
            "replay is for dead letters that are open; there are only: 1 abandoned, 2 replaying",
        ),
        (
            DeadLetterAction.CLOSE_FIXED,
            ("a group",),
            {},
            "a later event has fixed none of them: `replay`, `compensate` and `abandon` are for those",
        ),
    ],
)
def test_act_with_nothing_to_do_says_why(act, groups, elsewhere, said):
    """A letter in another state is there all the same."""
    assert none_text(act, Preview(count=0, fixed=0, groups=groups), elsewhere) == said


def test_what_is_left_is_said():
    """A run of a timetable has nothing to replay: what to do instead is said."""
    done = DecisionResult(decision_id=1, chosen=3, done=1)

    assert left_text(DeadLetterAction.REPLAY, done) == (
        "2 not changed: somebody has decided meanwhile, or the dead letter has no events,"
        " and its next run does the work: `abandon` closes it"
    )
    assert (
        left_text(DeadLetterAction.ABANDON, done) == "2 not changed: somebody has decided meanwhile"
    )
    assert (
        left_text(DeadLetterAction.REPLAY, DecisionResult(decision_id=1, chosen=1, done=1)) is None
    )
