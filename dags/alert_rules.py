"""Look at the alert rules of `include/alerts.yaml`, and tell people what began and what is over.

**Starts** each minute; by hand at any time.

**Changes** `ops.alert_states`, `ops.alert_events`, `ops.alert_messages`, `ops.alert_samples`; sends to Slack, by mail,
to PagerDuty and by text message, also what else people are to be told and have not been; calls the dead-man's address.

**Rerun** safe: what was evaluated later is not evaluated again, and no message is sent twice by a channel that cannot
bear it.

**When it fails** the next minute does it, and makes up for what was missed. A run is also red when all was evaluated
and a channel failed: its messages are tried again each minute, and the next channel is used meanwhile. If it
stops altogether, the relay says so (`alert_rules_stopped`), and the outside check that is called no more.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from include.dagkit import NO_RETRIES, give_up, job_task, options, runtime


@dag(
    schedule="* * * * *",
    tags=["watching"],
    **options(__doc__, timeout=timedelta(minutes=2), max_active_runs=1),
)
def alert_rules() -> None:
    @job_task(execution_timeout=timedelta(seconds=100), **NO_RETRIES)
    def evaluate() -> None:
        """Evaluate the rules, send what is due, and say that the watcher is alive."""
        from include.jobs.alert_rules import steps as job
        from include.jobs.alert_rules.report import words_of

        with runtime() as rt:
            watched = job.watch(
                store=rt.store,
                channels=rt.alert_channels,
                links=rt.links,
                signal_url=rt.settings.alert_signal_url,
                timeout_seconds=rt.settings.vendor_timeout_seconds,
                clock=rt.clock,
            )
            rt.tell_people()
            if watched.failures:
                give_up(watched.summary)
            rt.say(words_of(watched, store=rt.store))

    evaluate()


alert_rules()
