"""The job `mailchimp_sync`: member state from events → platform tables → Mailchimp → audit.

Four steps, each with its helpers in a module; each may be called again at any point, alone or with those after it. What
they hand to each other is in `ops.run_members`: the members of the run, and what came of each.
"""

from include.jobs.mailchimp_sync.names import JOB, WELCOME
from include.jobs.mailchimp_sync.report import RecordedMembers, SyncPlan
from include.jobs.mailchimp_sync.steps import (
    load_members,
    record,
    trigger_welcome,
    uncertain_welcomes,
    update_mailchimp,
)

__all__ = [
    "JOB",
    "WELCOME",
    "RecordedMembers",
    "SyncPlan",
    "load_members",
    "record",
    "trigger_welcome",
    "uncertain_welcomes",
    "update_mailchimp",
]
