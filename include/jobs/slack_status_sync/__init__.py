"""The job `slack_status_sync`: members' marks and rooms at Slack follow their membership.

Slack's own state is the journal: what differs from what should be is computed anew by every run, so that a rerun, a run
that was cut off, or a change by hand needs no care. What is ours is who is who, and since when somebody has lapsed.
"""

from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter
from include.jobs.slack_status_sync.report import SlackSyncResult
from include.jobs.slack_status_sync.steps import BUDGET, SlackRunOptions, Sync, run_options_from

__all__ = [
    "BUDGET",
    "SlackRateLimiter",
    "SlackRunOptions",
    "SlackSyncResult",
    "Sync",
    "run_options_from",
]
