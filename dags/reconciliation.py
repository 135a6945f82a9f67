"""Find what callbacks and webhooks missed, and put it right.

**Starts** every 15 minutes; once a night as a deep run, which compares all that the vendors have. By hand also dry.

**Changes** what runs have left behind: rows whose run is gone wait again or fail with a reason, effects begun and never
ended become uncertain, failed runs are told to Slack. For each expected start of a scheduled job a row says what became
of it. A deep run adds rows to the inbox that the normal jobs take.

**Rerun** safe: what is right by now is left alone.

**When it fails** nothing is lost; the next run looks again. It fails by itself where so much differs that a person
must decide: `./ops reconcile` shows the report, docs/runbooks/reconciliation.md says how.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from include.dagkit import VENDOR_RETRIES, give_up, job_task, options, runtime, skip

DEEP = Param(
    default=False,
    type="boolean",
    title="Deep",
    description="Compare Stripe, Clerk and Mailchimp with our tables too, as the run of the night does.",
)
DRY_RUN = Param(
    default=False,
    type="boolean",
    title="Only look",
    description="Put nothing right. The report says what would be.",
)
MAX_PERCENT = Param(
    default=None,
    type=["null", "number"],
    minimum=0,
    maximum=100,
    title="Repair up to (percent)",
    description="Put differences right up to this share of what was looked at. Empty: as it is set.",
)
NO_MAIL = Param(default=False, type="boolean", title="Mail nobody", description="After an upgrade.")


@dag(
    schedule="*/15 * * * *",
    tags=["housekeeping"],
    params={"deep": DEEP, "dry_run": DRY_RUN, "most_percent": MAX_PERCENT, "no_mail": NO_MAIL},
    **options(__doc__, timeout=timedelta(minutes=50), max_active_runs=1),
)
def reconciliation() -> None:
    @job_task(**VENDOR_RETRIES)
    def check_runs() -> None:
        """Compare our tables with Airflow's runs, and the inbox with what the vendors changed last."""
        from include.jobs.reconciliation import runs, steps, webhooks

        with runtime() as rt:
            kind = steps.begin(rt.dag_run_id, rt.params, store=rt.store, clock=rt.clock)
            given = steps.given(rt.dag_run_id, rt.params, rt.settings, rt.store, rt.clock)
            asked = {**given, "stripe": rt.vendors.stripe, "clerk": rt.vendors.clerk}
            webhooks.check_webhooks(webhooks.WebhookCheckContext(**asked, settings=rt.settings))
            runs.check_runs(**given, airflow=rt.airflow)
        if not kind.is_deep:
            skip("read_events", "compare_members", "compare_contacts")

    @job_task(**VENDOR_RETRIES)
    def note_ticks() -> None:
        """Write down what became of each expected start of the scheduled jobs."""
        from include.jobs.reconciliation.ticks import note_ticks

        with runtime() as rt:
            note_ticks(store=rt.store, airflow=rt.airflow, clock=rt.clock)

    @job_task(**VENDOR_RETRIES)
    def read_events() -> None:
        """Put the events into the inbox that Stripe has and we do not."""
        from include.jobs.reconciliation import events, steps

        with runtime() as rt:
            given = steps.given(rt.dag_run_id, rt.params, rt.settings, rt.store, rt.clock)
            events.read_events(**given, stripe=rt.vendors.stripe)

    @job_task(**VENDOR_RETRIES)
    def compare_members() -> None:
        """Compare what Stripe and Clerk have with the platform's tables."""
        from include.jobs.reconciliation import members, steps

        with runtime() as rt:
            given = steps.given(rt.dag_run_id, rt.params, rt.settings, rt.store, rt.clock)
            members.compare_stripe(**given, stripe=rt.vendors.stripe)
            members.compare_clerk(**given, clerk=rt.vendors.clerk)

    @job_task(**VENDOR_RETRIES)
    def compare_contacts() -> None:
        """Compare the platform's tables with Mailchimp's audience."""
        from include.jobs.reconciliation import contacts, steps

        with runtime() as rt:
            given = steps.given(rt.dag_run_id, rt.params, rt.settings, rt.store, rt.clock)
            contacts.compare_contacts(**given, mailchimp=rt.vendors.mailchimp)

    @job_task(trigger_rule="all_done", **VENDOR_RETRIES)
    def close() -> None:
        """Have dead letters reviewed, send what people are to be told, and close the report."""
        from include.jobs.reconciliation import steps

        with runtime() as rt:
            if steps.have_reviewed(rt.dag_run_id, rt.airflow, store=rt.store, clock=rt.clock):
                rt.send_notices()
            outcome = steps.close(dag_run_id=rt.dag_run_id, store=rt.store, clock=rt.clock)
            rt.say(outcome.summary)
        if outcome.problem:
            give_up(outcome.problem)

    check_runs() >> read_events() >> compare_members() >> compare_contacts() >> (closed := close())
    note_ticks() >> closed


reconciliation()
