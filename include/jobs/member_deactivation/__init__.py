"""The job `member_deactivation`: a membership ends when its paid period does.

Four steps after the wait, each of which may be called again at any point, alone or with those after it. What
they hand to each other is in `ops.deactivations`: the rows that the run has taken, and how far each is. A run
takes all rows that are due, whosever it was made for. Mailchimp is brought in line by the very step of
`mailchimp_sync` that does it otherwise: it looks at nothing but the platform's tables.
"""

from include.jobs.mailchimp_sync import update_mailchimp
from include.jobs.member_deactivation.decide import row_id_from
from include.jobs.member_deactivation.report import DeactivationPlan, RecordedEnds
from include.jobs.member_deactivation.steps import check_status, record, update_database

__all__ = [
    "DeactivationPlan",
    "RecordedEnds",
    "check_status",
    "record",
    "row_id_from",
    "update_database",
    "update_mailchimp",
]
