"""How `./ops timeline` shows a story."""

from datetime import UTC, datetime, timedelta
from io import StringIO

from rich.console import Console

from include.operate.commands.timeline import document, run_link, table
from include.store.timeline import ObjectHistory, TimelineEntry
from tests.factories import make_deployment

HERE = make_deployment()
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def make_entry(seconds=0, **changes):
    """Build an entry of a run, with these changes."""
    values = {
        "at": NOW + timedelta(seconds=seconds),
        "part": "airflow",
        "what": "run accepted",
        "detail": None,
        "job": "mailchimp_sync",
        "dag_run_id": "batch.1-2.2",
        "inbox_id": None,
    }
    return TimelineEntry(**{**values, **changes})


def text_of(story):
    """Return what a person sees."""
    shown = StringIO()
    Console(width=160, file=shown).print(table(HERE, story))
    return shown.getvalue()


def test_link_leads_to_the_run():
    """In the Airflow UI, whatever characters the id has."""
    assert run_link(HERE, make_entry(dag_run_id="a+b:c")) == (
        "http://127.0.0.1:8080/dags/mailchimp_sync/runs/a%2Bb%3Ac"
    )


def test_entry_without_a_run_has_no_link():
    """What the vendor did is not in Airflow."""
    assert run_link(HERE, make_entry(dag_run_id=None)) is None


def test_table_shows_the_time_between():
    """Seconds; days where seconds tell nobody anything."""
    story = ObjectHistory(
        members=(),
        inbox_ids=(1,),
        entries=(make_entry(), make_entry(1.5), make_entry(1.5 + 3 * 86400)),
    )

    shown = text_of(story)

    assert "+1.50" in shown
    assert "+3 d" in shown


def test_markup_in_a_vendors_words_is_shown_as_it_is():
    """An event's type comes from outside."""
    story = ObjectHistory(
        members=(), inbox_ids=(1,), entries=(make_entry(what="stripe [red]x[/]", detail="[/b]"),)
    )

    assert "stripe [red]x[/]" in text_of(story)
    assert "[/b]" in text_of(story)


def test_json_has_times_and_links():
    """For other programs."""
    [entry] = document(HERE, ObjectHistory(members=(), inbox_ids=(1,), entries=(make_entry(),)))[
        "entries"
    ]

    assert entry["at"] == "2026-11-02T09:00:00+00:00"
    assert entry["link"].endswith("/runs/batch.1-2.2")
