"""The job `mailchimp_sync`: member state from events → platform tables → Mailchimp → audit.

Four steps, one module each; each may be called again at any point, alone or with those after it. What
they hand to each other is in `ops.run_members`: the members of the run, and what came of each.
"""

from include.jobs.mailchimp_sync.load import SyncPlan, load_members
from include.jobs.mailchimp_sync.names import JOB, WELCOME
from include.jobs.mailchimp_sync.record import RecordedMembers, record
from include.jobs.mailchimp_sync.update import update_mailchimp
from include.jobs.mailchimp_sync.welcome import trigger_welcome, uncertain_welcomes

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
