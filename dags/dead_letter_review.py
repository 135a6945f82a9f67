"""Ask people what becomes of the open dead letters, and do it.

**Starts** by `reconciliation`, while dead letters are open that nobody has put off within a day; by hand at any time.

**Changes** the dead letters that its form shows: replayed, compensated or abandoned, group by group, as the person
decides who answers in *Required actions* (or over the REST API). `ops.audit_log` has her name and reason; what she has
typed is taken out of Airflow's tables.

**Rerun** safe: `ask_people` cleared has another run ask, for Airflow would show the form of then; `carry_out` does what
is left of a decision, and nothing twice. An answer that cannot be taken is asked for again in another run, in words.

**When it fails** the dead letters stay open: see the log of `carry_out`, clear it, or answer anew. Without an answer in
seven days they stay open, and people are asked again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from include.dagkit import (
    NO_RETRIES,
    STORE_RETRIES,
    ask_people,
    give_up,
    job_task,
    options,
    runtime,
)


@dag(
    schedule=None,
    tags=["housekeeping"],
    **options(__doc__, timeout=timedelta(days=8), max_active_runs=1),
)
def dead_letter_review() -> None:
    question = ask_people(
        options=["Carry out", "Not now"],
        next_task="carry_out",
        response_timeout=timedelta(days=7),
        **NO_RETRIES,
    )

    @job_task(**STORE_RETRIES)
    def carry_out() -> None:
        """Do what was decided, in the name of who decided it."""
        from include.jobs.dead_letter_review import steps as job

        with runtime() as rt:
            carried = job.carry_out(rt.dag_run_id, store=rt.store, clock=rt.clock)
            rt.count_rows(sum(carried.done.values()))
            if carried.problem:
                give_up(carried.problem)
            rt.say(carried.summary)

    question >> carry_out()


dead_letter_review()
