"""The status screen."""

from io import StringIO

from rich.console import Console

from include.operate.report import StatusReport, Work
from include.operate.status_view import screen
from include.relay.health_issue import HealthIssue
from tests.factories import make_deployment


def text_of(*, jobs=None, **work):
    """Return what a person sees of what is in hand."""
    nothing = {
        "inbox": {},
        "oldest_waiting_seconds": None,
        "uncertain_steps": {},
        "deactivations": {},
    }
    return shown_of(
        StatusReport(summary="All is well", work=Work(**{**nothing, **work}), jobs=jobs or {})
    )


def shown_of(told, **changes):
    """Return what a person sees of a report, with its spaces made single."""
    shown = StringIO()
    Console(width=120, file=shown).print(screen(make_deployment(**changes), told))
    return " ".join(shown.getvalue().split())


def test_planned_ends_are_counted():
    """What there is none of is not in the way."""
    shown = text_of(deactivations={"pending": 1200, "overdue": 3, "date_unknown": 0})

    assert "deactivations pending 1,200 deactivations overdue 3" in shown
    assert "date unknown" not in shown


def test_findings_are_shown_where_dead_letters_are():
    """A person who looks for what needs her sees both."""
    assert "to look at: pays twice 2" in text_of(findings={"pays_twice": 2})


def test_type_that_no_job_takes_is_shown_with_its_count():
    """A webhook that is answered 200 and leads to nothing is not out of sight."""
    shown = text_of(unrouted={"stripe v1.customer.subscription.past_due": 1200})

    assert "no job takes: stripe v1.customer.subscription.past_due, in a day 1,200" in shown


def test_refusals_are_shown_by_reason():
    """Whoever was refused is told nowhere else."""
    shown = text_of(refused={"stripe no signature matches": 1200})

    assert "refused: stripe no signature matches, in a day 1,200" in shown


def test_inbox_is_counted():
    assert "inbox dead 2 inbox processed 7" in text_of(inbox={"processed": 7, "dead": 2})
    assert "inbox empty" in text_of()


def test_jobs_have_their_numbers():
    """What each did in the last hour."""
    job = {
        "status": "unhealthy",
        "total_runs": 10,
        "failure_count": 4,
        "average_seconds": 1.25,
        "running_jobs": 1,
        "queued_jobs": 7,
    }

    assert "mailchimp_sync unhealthy 10 4 1.2 s 1 7" in text_of(jobs={"mailchimp_sync": job})


def test_all_is_well_is_one_sentence():
    """With how that is known; what waits for a person is beside it, with the command of the place."""
    told = StatusReport(
        summary="All is well: no run ended", decisions=("1 finding: `{ops} findings list`",)
    )

    shown = shown_of(told, command="docker compose run --rm ops")

    assert shown.startswith("All is well: no run ended. For a person to decide:")
    assert "- 1 finding: `docker compose run --rm ops findings list`" in shown


def test_trouble_is_a_sentence_and_what_to_do():
    """Nothing stands above it that says the contrary."""
    one = HealthIssue(
        what="mailchimp is not called", to_do="nothing; `{ops} probe mailchimp` tries it"
    )
    told = StatusReport(summary="Not well", issues=(one,))

    shown = shown_of(told)

    assert shown.startswith("Not well. - mailchimp is not called. To do: nothing; `./ops probe")
    assert "well" not in shown.removeprefix("Not well.")
