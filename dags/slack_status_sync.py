"""Let members' marks and rooms at Slack follow their membership.

**Starts** every day at 10:00 and 22:00 UTC; by hand at any time, for one member if wanted, where it only looks unless
the form says otherwise.

**Changes** the user group of members (the connection `slack` names it), and, where it names them, channels and a
field of the profile. Who has access comes in, also who is late with a payment; who has none goes out after
`OPS_SLACK_GRACE_DAYS`. Nothing is done to owners, administrators, guests, bots and `OPS_SLACK_PROTECTED`. An account is
never closed: staff gets a list of those that could be. Counts go to `ops.audit_log`, who is who to `ops.slack_people`.

**Rerun** safe at any time: each run compares anew what is with what should be.

**When it fails** nothing is tried again; the next run does what is left. One person's or channel's error stops nobody
else. When time is over, or Slack wants a longer pause than is left of it, the rest is left and said (`left`,
`stopped`). A run is red when it was refused: it would have removed more than `OPS_SLACK_MOST_REMOVED_SHARE` of a place,
or nobody would be a member while there is anybody to lose. Nothing was changed there then: look at a dry run, and start
it by hand with that number of removals.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from include.dagkit import NO_RETRIES, give_up, job_task, options, runtime, skip

TIMEOUT = timedelta(seconds=120)
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

DRY_RUN = Param(
    default=True,
    type="boolean",
    title="Only look",
    description="Find out who would come in and go out, and change nothing. The run's note has the counts, "
    "the task's log their ids at Slack. Runs by the schedule always do it.",
)
MEMBER_ID = Param(
    default=None,
    type=["null", "string"],
    pattern=f"^{UUID}$",
    title="One member",
    description="Our id of a member: it stands on her page in the Ops console, which finds her by her address. The "
    "address must not be written here, because everybody can read it. Empty: all members.",
)
REMOVE_UP_TO = Param(
    default=0,
    type="integer",
    minimum=0,
    maximum=100_000,
    title="Removals that you have looked at",
    description="So many people may be removed from a place by this run, even where that is more than the limit. "
    "Look at a dry run first. 0: the limit holds.",
)
SAME_PERSON = Param(
    default=[],
    type="array",
    items={"type": "string", "pattern": f"^{UUID}=U[A-Z0-9]{{2,30}}$"},
    title="Who is who",
    description="For members with another address at Slack, one per line: our id of the member, `=`, her id at Slack "
    "(in her profile: Copy member ID). It is kept for later runs.",
)


@dag(
    schedule="0 10,22 * * *",
    tags=["members"],
    params={
        "dry_run": DRY_RUN,
        "member_id": MEMBER_ID,
        "remove_up_to": REMOVE_UP_TO,
        "same_person": SAME_PERSON,
    },
    **options(__doc__, timeout=TIMEOUT, max_active_runs=1),
)
def slack_status_sync() -> None:
    @job_task(execution_timeout=TIMEOUT, **NO_RETRIES)
    def sync() -> None:
        """Compare members with Slack, bring Slack in line, and write down the counts."""
        from include.jobs.slack_status_sync import steps as job
        from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter

        with runtime() as rt:
            if not rt.uses("slack"):
                skip(why="Slack is not used: there is no connection `slack`")
            result = job.Sync(
                job.run_options_from(rt.params, extra=rt.slack_extra, settings=rt.settings),
                workspace=rt.slack_workspace,
                slack=rt.slack,
                limiter=SlackRateLimiter(clock=rt.clock, until=rt.run_began_at + job.BUDGET),
                store=rt.store,
                clock=rt.clock,
                dag_run_id=rt.dag_run_id,
            ).run()
            rt.count_rows(result.active)
            if result.is_failure:
                give_up(result.summary)
            rt.say(result.summary)

    sync()


slack_status_sync()
