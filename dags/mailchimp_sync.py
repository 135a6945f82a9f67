"""Bring members' Mailchimp state in line with their membership.

**Starts** by the relay, with the inbox rows that wait (`inbox_ids`); by hand with any rows that wait or failed.

**Changes** `public.users`, `public.memberships`, the Mailchimp audience and its tags, the welcome, `ops.audit_log`.

**Rerun** safe from any task: what has been applied is not called again, the welcome is keyed in `ops.steps`.

**When it fails** each task tries 3 times more. Members that still fail leave their rows as `failed`, with the
reason, and `webhook_retry` takes them alone; what is permanent is a dead letter at once. The others are recorded
all the same. A run in which a member failed is red: mend the cause, then replay the dead letter, or clear
`update_mailchimp` and what follows.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from include.dagkit import (
    BATCH_RETRIES,
    INBOX_IDS,
    STORE_RETRIES,
    give_up,
    job_task,
    options,
    runtime,
    skip,
)


@dag(
    schedule=None,
    tags=["members"],
    params={"inbox_ids": INBOX_IDS},
    **options(__doc__, timeout=timedelta(minutes=5), sla=timedelta(minutes=2), max_active_runs=16),
)
def mailchimp_sync() -> None:
    @job_task(**BATCH_RETRIES)
    def load_members() -> None:
        """Find out whom the events are about, and bring the platform's tables up to date."""
        from include.jobs.mailchimp_sync import steps as job

        with runtime() as rt:
            plan = job.load_members(
                rt.params["inbox_ids"],
                dag_run_id=rt.dag_run_id,
                store=rt.store,
                stripe=rt.vendors.stripe,
                clerk=rt.vendors.clerk,
                clock=rt.clock,
                has_welcome=rt.settings.welcome != "off",
                is_first_try=rt.is_first_try,
                is_last_try=rt.is_last_try,
                opens_after=rt.settings.breaker_opens_after,
            )
        if not plan.members:
            skip("update_mailchimp", "trigger_welcome", "record")
        if not plan.has_welcomes:
            skip("trigger_welcome")

    @job_task(**BATCH_RETRIES)
    def update_mailchimp() -> None:
        """Bring contacts and tags in line."""
        from include.jobs.mailchimp_sync import steps as job

        with runtime() as rt:
            job.update_mailchimp(
                dag_run_id=rt.dag_run_id,
                store=rt.store,
                mailchimp=rt.vendors.mailchimp,
                clock=rt.clock,
                connections=rt.settings.mailchimp_connections,
                is_first_try=rt.is_first_try,
                is_last_try=rt.is_last_try,
            )

    @job_task(do_xcom_push=True, **BATCH_RETRIES)  # what it says is its result in the UI
    def trigger_welcome() -> str | None:
        """Welcome who is a member for the first time; say which welcomes nobody knows the outcome of."""
        from include.jobs.mailchimp_sync import steps as job

        with runtime() as rt:
            try:
                job.trigger_welcome(
                    dag_run_id=rt.dag_run_id,
                    store=rt.store,
                    mailchimp=rt.vendors.mailchimp,
                    clock=rt.clock,
                    connections=rt.settings.mailchimp_connections,
                    is_last_try=rt.is_last_try,
                )
            finally:
                uncertain = job.uncertain_welcomes(rt.dag_run_id, store=rt.store)
                if uncertain:
                    rt.tell_people()
        return uncertain

    @job_task(trigger_rule="none_failed", **STORE_RETRIES)
    def record() -> None:
        """Write the audit log, and end the rows and the run."""
        from include.jobs.mailchimp_sync import steps as job

        with runtime() as rt:
            recorded = job.record(
                dag_run_id=rt.dag_run_id,
                store=rt.store,
                clock=rt.clock,
                opens_after=rt.settings.breaker_opens_after,
            )
        if recorded.failures:
            give_up(recorded.summary)

    updated, welcomed, recorded = update_mailchimp(), trigger_welcome(), record()
    load_members() >> updated >> welcomed >> recorded
    updated >> recorded  # a skipped welcome must not let `record` overtake the update


mailchimp_sync()
