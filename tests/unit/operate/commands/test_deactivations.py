"""What `./ops deactivations` takes in and shows."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from rich.console import Console
from typer.testing import CliRunner

from include.errors import CommandError
from include.lab.cli import make_app
from include.membership.ends import Deactivation, EndReason, EndState
from include.operate.commands.deactivations import (
    confirm,
    date_from,
    document,
    revoked_text,
    stripe_page,
    table,
)
from tests.factories import make_deployment

HERE = make_deployment()
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def a_row(**changes):
    """Make a planned end, with these changes."""
    fields = {
        "id": 7,
        "member_id": UUID(int=1),
        "subscription_id": "sub_1",
        "reason": EndReason.PERIOD_END,
        "vendor_at": NOW + timedelta(days=30),
        "deactivate_at": NOW + timedelta(days=30),
        "state": EndState.SCHEDULED,
        "dag_run_id": "deactivation.7.1",
        "created_at": NOW,
    }
    return Deactivation(**{**fields, **changes})


def text_of(*rows):
    """Return what a person sees."""
    shown = StringIO()
    Console(width=200, file=shown).print(table(HERE, rows, now=NOW))
    return shown.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-31T12:00:00Z",
        "2026-12-31T13:00+01:00",
        " 2026-12-31 07:00:00-0500 ",
        "20261231T120000Z",
    ],
)
def test_date_is_a_moment(text):
    """However it is written."""
    assert date_from(text) == datetime(2026, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-12-31", "2026-12-31T12:00:00"])
def test_date_without_a_time_zone_is_no_moment(text):
    """Whose noon it is, nobody can tell."""
    with pytest.raises(CommandError, match="no time zone: write it like 2026-"):
        date_from(text)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "31.12.2026 12:00Z", "2026-02-30T00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_date_that_cannot_be_read_is_said(text):
    with pytest.raises(CommandError, match="cannot be read: write it like 2026-"):
        date_from(text)


def test_json_has_moments_in_utc_and_the_runs_address():
    """For other programs."""
    shown = document(HERE, a_row())

    assert shown["deactivate_at"] == "2026-12-02T09:00:00+00:00"
    assert shown["link"].endswith("/dags/member_deactivation/runs/deactivation.7.1")
    assert shown["finished_at"] is None


def test_run_that_works_on_a_row_is_the_one_that_is_shown():
    """A run takes whatever is due, not only its own row."""
    shown = document(HERE, a_row(state=EndState.RUNNING, taken_by="deactivation.3.1"))

    assert shown["dag_run_id"] == "deactivation.3.1"


@pytest.mark.parametrize(
    ("later", "text"),
    [
        (timedelta(days=30), "in 30 d"),
        (timedelta(hours=30), "in 30 h"),
        (timedelta(seconds=200), "in 3 min"),
        (timedelta(hours=-5), "5 h ago"),
    ],
)
def test_table_says_how_far_off_the_end_is(later, text):
    """In the largest unit that says something."""
    assert text in text_of(a_row(deactivate_at=NOW + later))


def test_table_says_who_decided_and_what_is_wrong():
    row = a_row(actor="user:grace", why="moves [b]abroad[/b]", problem="the DAG is paused")

    assert "by user:grace: moves [b]abroad[/b]: the DAG is paused" in text_of(row)


def test_row_without_a_date_has_none():
    """It is not now, and not never."""
    assert " ago" not in text_of(a_row(state=EndState.DATE_UNKNOWN, deactivate_at=None))


@pytest.mark.parametrize(
    "act",
    [["revoke", "7"], ["undo", "7"], ["move", "7", "2026-12-31T12:00Z"], ["run-now", "7"]],
)
def test_nothing_is_done_without_a_reason(act):
    """Before anything is looked up."""
    result = CliRunner().invoke(make_app(["deactivations"]), ["deactivations", *act])

    assert result.exit_code == 2
    assert "--reason" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reason", " "], "the reason is missing"),
        (["--reason", "x", "--actor", "a@b.example"], "e-mail"),
    ],
)
def test_bad_words_are_refused_in_one_line(options, words):
    arguments = ["deactivations", "revoke", "7", *options]

    result = CliRunner().invoke(make_app(["deactivations"]), arguments)

    assert isinstance(result.exception, CommandError)
    assert words in str(result.exception)


@pytest.mark.parametrize("number", ["x", "0", "-1", "9223372036854775808"])
def test_number_is_a_number(number):
    """One that a table can have."""
    arguments = ["deactivations", "revoke", "--reason", "x", "--", number]

    assert CliRunner().invoke(make_app(["deactivations"]), arguments).exit_code == 2


def test_revoked_end_says_what_stripe_still_does():
    """With the page where it is resumed, and how it is taken back here."""
    row = a_row(state=EndState.REVOKED)

    words = revoked_text(row, stripe_page(row.subscription_id, mode="test"))

    assert "Stripe does not know of it: it still ends sub_1 at 2026-12-02 09:00:00 UTC" in words
    assert "https://dashboard.stripe.com/test/subscriptions/sub_1\n" in words
    assert "deactivations undo 7" in words
    assert (
        stripe_page(row.subscription_id, mode="live")
        == "https://dashboard.stripe.com/subscriptions/sub_1"
    )


def test_end_now_is_asked_about():
    """Nothing takes it back; where nobody can be asked, a script says so beforehand."""
    with pytest.raises(CommandError, match="cannot be undone: say --yes"):
        confirm(7, a_row(), as_json=True)
