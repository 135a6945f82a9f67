"""Where people find a run: in the DAG that has it, whichever job's events it has in hand."""

import pytest

from include.links import Links, run_path


@pytest.mark.parametrize(
    ("run", "path"),
    [
        ("stripe.evt_1", "/dags/mailchimp_sync/runs/stripe.evt_1"),
        ("retry.stripe.evt_1.try2", "/dags/webhook_retry/runs/retry.stripe.evt_1.try2"),
        ("manual__2026-11-30T08:00:00+00:00",
         "/dags/mailchimp_sync/runs/manual__2026-11-30T08%3A00%3A00%2B00%3A00"),
    ],
)  # fmt: skip
def test_run_is_found_in_its_dag(run, path):
    """A run that tries again alone is one of `webhook_retry`, and known by the job whose events failed."""
    assert run_path("mailchimp_sync", run) == path
    assert (
        Links(airflow_url="https://a.example/").run("mailchimp_sync", run)
        == f"https://a.example{path}"
    )
