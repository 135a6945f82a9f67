"""Remove what nobody needs any more, as the retention rules say.

**Starts** every night at 03:00 UTC; by hand at any time, where it only counts unless the form says otherwise.

**Changes** old rows of the ops tables and of Airflow's own, and old files of logs (`include/retention.yaml` has the
days). Never the key of an event or of an effect, an open dead letter or review, a planned end of a membership, or the
audit log.

**Rerun** safe: what is gone is gone, the rest is looked for again.

**When it fails** nothing is lost; the next night removes the rest. The run's note says how many rows went, per table.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag

from include.dagkit import NO_RETRIES, job_task, options, runtime

DRY_RUN = Param(
    default=True,
    type="boolean",
    title="Only count",
    description="Count what would be removed, and remove nothing. The counts are in the run's note. "
    "Runs by the schedule always remove.",
)
# A cron expression alone would run at once on a new deployment's first morning, until about 05:24.
EVERY_NIGHT = CronTriggerTimetable("0 3 * * *", timezone="UTC", run_immediately=timedelta())


@dag(
    schedule=EVERY_NIGHT,
    tags=["housekeeping"],
    params={"dry_run": DRY_RUN},
    **options(__doc__, timeout=timedelta(minutes=5), max_active_runs=1),
)
def database_cleanup() -> None:
    @job_task(**NO_RETRIES)
    def clean_ops() -> None:
        """Clean the ops tables."""
        from include.jobs.database_cleanup import steps as job
        from include.jobs.database_cleanup.decide import load_rules
        from include.jobs.database_cleanup.report import words_of

        with runtime() as rt:
            rules, dry_run = load_rules(), bool(rt.params["dry_run"])
            counts = job.clean_ops(
                rules,
                dry_run=dry_run,
                store=rt.store,
                clock=rt.clock,
                dag_run_id=rt.dag_run_id,
            )
            rt.say(words_of("our tables", counts))

    @job_task(trigger_rule="all_done", **NO_RETRIES)
    def clean_airflow() -> None:
        """Clean Airflow's own tables and its logs."""
        from include.jobs.database_cleanup import steps as job
        from include.jobs.database_cleanup.decide import load_rules
        from include.jobs.database_cleanup.report import words_of

        with runtime() as rt:
            rules, dry_run = load_rules(), bool(rt.params["dry_run"])
            files = job.clean_logs(rules, folder=rt.log_folder, dry_run=dry_run, clock=rt.clock)
            counts = job.clean_airflow(
                rules,
                dry_run=dry_run,
                airflow=rt.airflow_command,
                tables=rt.airflow_tables,
                store=rt.store,
                clock=rt.clock,
                dag_run_id=rt.dag_run_id,
            )
            rt.say(words_of("Airflow's", {**counts, "log files": files}))

    clean_ops() >> clean_airflow()


database_cleanup()
