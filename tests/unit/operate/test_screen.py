"""The status screen."""

from io import StringIO

from rich.console import Console

from include.operate.health import JobsHealth
from include.operate.report import Report, Work
from include.operate.screen import screen
from tests.factories import make_deployment


def text_of(*, jobs=None, **work):
    """Return what a person sees of what is in hand."""
    nothing = {
        "inbox": {},
        "oldest_waiting_seconds": None,
        "uncertain_steps": {},
        "problems": {},
        "deactivations": {},
    }
    told = Report(state="healthy", work=Work(**{**nothing, **work}), jobs=jobs)
    shown = StringIO()
    Console(width=120, file=shown).print(screen(make_deployment(), told))
    return " ".join(shown.getvalue().split())


def test_planned_ends_are_counted():
    """What there is none of is not in the way."""
    shown = text_of(deactivations={"pending": 1200, "overdue": 3, "date_unknown": 0})

    assert "deactivations pending 1,200 deactivations overdue 3" in shown
    assert "date unknown" not in shown


def test_findings_are_shown_where_dead_letters_are():
    """A person who looks for what needs her sees both."""
    assert "to look at: pays twice 2" in text_of(findings={"pays_twice": 2})


def test_inbox_is_counted():
    assert "inbox dead 2 inbox processed 7" in text_of(inbox={"processed": 7, "dead": 2})
    assert "inbox empty" in text_of()


def test_jobs_have_a_verdict_and_its_reasons():
    """With what each did in the last hour."""
    job = {
        "status": "unhealthy",
        "total_runs": 10,
        "failure_count": 4,
        "average_seconds": 1.25,
        "running_jobs": 1,
        "queued_jobs": 7,
    }
    jobs = JobsHealth(status="unhealthy", reasons=("one", "another"), jobs={"mailchimp_sync": job})

    shown = text_of(jobs=jobs)

    assert "The jobs are unhealthy: one; another." in shown
    assert "mailchimp_sync unhealthy 10 4 1.2 s 1 7" in shown
