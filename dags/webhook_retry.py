"""Try again alone what failed in a batch, five times in half a minute; then it is a dead letter.

**Starts** by the relay (`webhook.failed`), with the inbox rows of one member that failed together (`inbox_ids`), 1 s
after they did; also to undo what a dead letter's job has half done, when a person decides so; by hand with any rows
that failed or are dead.

**Changes** what the rows' own job changes (see `mailchimp_sync`), `ops.dead_letters` with every try,
`ops.breakers`, `ops.audit_log`.

**Rerun** safe at any time: the same code as `mailchimp_sync`, with the same keys. Clearing it tries once more.

**When it fails** five tries, due 1 s after the batch and then 2, 4, 8 and 16 s after the one before; a permanent
failure is not repeated. Then the dead letter waits for a person: `./ops dead-letters list`. While a vendor is down as a
whole nobody calls it: rows wait for its next probe (1, 5, 15, then every 60 min) and become dead letters after 24 h.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from include.dagkit import INBOX_IDS, POWERS_OF_TWO, give_up, job_task, options, runtime


@dag(
    schedule=None,
    tags=["members"],
    params={"inbox_ids": INBOX_IDS},
    **options(__doc__, timeout=timedelta(minutes=10), max_active_runs=8),
)
def webhook_retry() -> None:
    @job_task(**POWERS_OF_TWO)
    def retry() -> None:
        """Do all steps of the events' own job."""
        from include.jobs.webhook_retry import steps as job

        with runtime() as rt:
            retried = job.retry_rows(
                rt.params["inbox_ids"],
                dag_run_id=rt.dag_run_id,
                which=job.AttemptNumber(
                    number=rt.try_since_clear, total=rt.try_number, is_last=rt.is_last_try
                ),
                store=rt.store,
                vendors=job.RetryCollaborators(
                    stripe=rt.vendors.stripe,
                    clerk=rt.vendors.clerk,
                    mailchimp=rt.vendors.mailchimp,
                    connections=rt.settings.mailchimp_connections,
                    has_welcome=rt.settings.welcome != "off",
                ),
                clock=rt.clock,
                opens_after=rt.settings.breaker_opens_after,
            )
        if retried.dead:
            give_up(f"a dead letter: {'; '.join(retried.dead)}")

    retry()


webhook_retry()
