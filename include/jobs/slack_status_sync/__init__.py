"""The job `slack_status_sync`: members' marks and rooms at Slack follow their membership.

Slack's own state is the journal: what differs from what should be is computed anew by every run, so that a rerun, a run
that was cut off, or a change by hand needs no care. What is ours is who is who, and since when somebody has lapsed.
"""

from include.jobs.slack_status_sync.result import Result
from include.jobs.slack_status_sync.run import BUDGET, Orders, Sync, orders_from
from include.jobs.slack_status_sync.turns import Turns

__all__ = ["BUDGET", "Orders", "Result", "Sync", "Turns", "orders_from"]
