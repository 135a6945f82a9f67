"""End memberships at the second their paid period does.

**Starts** by the relay, ahead of the period's end: queued until five minutes before, then in its sensor, which holds no
worker. By hand it does what is due now; nothing is ever done before its moment.

**Changes** `public.memberships` (canceled), `public.users` (profile hidden), Mailchimp's tags (`active` off, `alumni`
on), `ops.deactivations`, `ops.audit_log`. Who has come back is left alone: Stripe is asked first.

**Rerun** safe from any task: what was done is not done again, and Stripe is asked anew.

**When it fails** each task tries 3 times more. Rows that still fail keep the reason and wait for a person: mend the
cause, then clear the task that failed and what follows. A run that was lost gets another one from the relay.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from include.dagkit import (
    DEACTIVATION_LEAD,
    STORE_RETRIES,
    VENDOR_RETRIES,
    give_up,
    job_task,
    options,
    runtime,
    skip,
    wait_until_named,
)

WORK = timedelta(minutes=2)  # beside the wait


@dag(
    schedule=None,
    tags=["members"],
    **options(__doc__, timeout=DEACTIVATION_LEAD + WORK, max_active_runs=4),
)
def member_deactivation() -> None:
    @job_task(**VENDOR_RETRIES)
    def check_status() -> None:
        """Take what is due, and ask Stripe whether it is still to be."""
        from include.jobs.member_deactivation import steps as job
        from include.jobs.member_deactivation.decide import row_id_from

        with runtime() as rt:
            plan = job.check_status(
                row_id_from(rt.conf),
                dag_run_id=rt.dag_run_id,
                store=rt.store,
                stripe=rt.vendors.stripe,
                clock=rt.clock,
                is_last_try=rt.is_last_try,
            )
            rt.count_rows(plan.taken)
        if not plan.to_be and plan.failures:
            give_up(plan.reason)
        if not plan.to_be:
            skip("update_database", "update_mailchimp", "record", why=plan.reason)

    @job_task(**VENDOR_RETRIES)
    def update_database() -> None:
        """End the memberships and hide the profiles."""
        from include.jobs.member_deactivation import steps as job

        with runtime() as rt:
            job.update_database(
                dag_run_id=rt.dag_run_id,
                store=rt.store,
                stripe=rt.vendors.stripe,
                clock=rt.clock,
                is_last_try=rt.is_last_try,
            )

    @job_task(**VENDOR_RETRIES)
    def update_mailchimp() -> None:
        """Bring contacts and tags in line."""
        from include.jobs.mailchimp_sync.steps import update_mailchimp

        with runtime() as rt:
            update_mailchimp(
                dag_run_id=rt.dag_run_id,
                store=rt.store,
                mailchimp=rt.vendors.mailchimp,
                clock=rt.clock,
                connections=rt.settings.mailchimp_connections,
                is_first_try=rt.is_first_try,
                is_last_try=rt.is_last_try,
            )

    @job_task(**STORE_RETRIES)
    def record() -> None:
        """Write the audit log, and end the rows."""
        from include.jobs.member_deactivation import steps as job

        with runtime() as rt:
            recorded = job.record(dag_run_id=rt.dag_run_id, store=rt.store, clock=rt.clock)
        if recorded.failures:
            give_up(recorded.summary)

    wait = wait_until_named("wait_for_period_end", **STORE_RETRIES)
    wait >> check_status() >> update_database() >> update_mailchimp() >> record()


member_deactivation()
