"""Let active members in to the coming events they have registered for.

**Starts** every day at 09:00 and 21:00 UTC; by hand at any time, for one event or one member if wanted, where it only
looks unless the form says otherwise.

**Changes** guests in Luma who wait for approval: active members are approved, and Luma mails them. All others are
counted as denied and left waiting (`OPS_LUMA_UNKNOWN_GUESTS=decline`: declined). Members whose ticket costs money are
counted and left to a person (`OPS_LUMA_PAID_GUESTS=approve`: approved, which takes the money); so are members for whom
there is no place, and events that another calendar manages. One line with the counts goes to `ops.audit_log`.

**Rerun** safe at any time: each guest is read right before her approval, and only who still waits is approved.

**When it fails** nothing is tried again; the next run does what is left. One guest's or one event's error stops nobody
else, and is in the log and in the counts by id. When time is over, or Luma blocks our key for longer than what is left
of it, the rest is left and said (`left`, `stopped`). A run is red when the calendar or none of its events can be read,
or every approval was refused: look at the key of the connection `luma`, then start it by hand.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from include.dagkit import NO_RETRIES, give_up, job_task, options, runtime, skip

TIMEOUT = timedelta(seconds=60)

DRY_RUN = Param(
    default=True,
    type="boolean",
    title="Only look",
    description="Find out who would be approved and who would not, and change nothing. The run's note has the counts. "
    "Runs by the schedule always approve.",
)
EVENT_ID = Param(
    default=None,
    type=["null", "string"],
    pattern="^[A-Za-z0-9_-]{0,100}$",
    title="One event",
    description="Luma's id of an event, like evt-a1B2c3. Empty: all events to come.",
)
MEMBER_ID = Param(
    default=None,
    type=["null", "string"],
    pattern="^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$",
    title="One member",
    description="Our id of a member: it stands on her page in the Ops console, which finds her by her address. The "
    "address must not be written here, because everybody can read it. Empty: all members.",
)


@dag(
    schedule="0 9,21 * * *",
    tags=["events"],
    params={"dry_run": DRY_RUN, "event_id": EVENT_ID, "member_id": MEMBER_ID},
    **options(__doc__, timeout=TIMEOUT, max_active_runs=1),
)
def luma_auto_approval() -> None:
    @job_task(execution_timeout=TIMEOUT, **NO_RETRIES)
    def approve_members() -> None:
        """Read who waits, approve who is an active member, and write down the counts."""
        from include.jobs.luma_auto_approval import steps as job
        from include.vendors.rate_limiter import RateLimiter

        with runtime() as rt:
            if not rt.uses("luma"):
                skip(why="Luma is not used: there is no connection `luma`")
            settings, clock = rt.settings, rt.clock
            run_options = job.run_options_from(rt.params, settings)
            limiter = RateLimiter(
                clock=clock,
                until=rt.run_began_at + job.BUDGET,
                per_minute=settings.luma_calls_per_minute,
            )
            result = job.approve_members(
                run_options,
                luma=rt.vendors.luma,
                limiter=limiter,
                store=rt.store,
                clock=clock,
                dag_run_id=rt.dag_run_id,
            )
            rt.count_rows(result.found)
            if result.is_failure:
                give_up(result.summary)
            rt.say(result.summary)

    approve_members()


luma_auto_approval()
