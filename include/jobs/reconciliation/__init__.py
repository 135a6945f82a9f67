"""The job `reconciliation`: what callbacks and webhooks missed is found, put right, and counted.

Each check looks at one thing, says what it found in `ops.reconciliations`, and repairs through what is there
already: the store's own functions, and the normal jobs. May be run again at any time.
"""

from include.jobs.reconciliation.contacts import compare_contacts
from include.jobs.reconciliation.events import read_events
from include.jobs.reconciliation.members import compare_clerk, compare_stripe
from include.jobs.reconciliation.repair import RepairLimits
from include.jobs.reconciliation.report import RunFindings
from include.jobs.reconciliation.runs import check_runs
from include.jobs.reconciliation.steps import RunScope, begin, close, have_reviewed, kind_of, shared
from include.jobs.reconciliation.webhooks import check_webhooks

__all__ = [
    "RepairLimits",
    "RunFindings",
    "RunScope",
    "begin",
    "check_runs",
    "check_webhooks",
    "close",
    "compare_clerk",
    "compare_contacts",
    "compare_stripe",
    "have_reviewed",
    "kind_of",
    "read_events",
    "shared",
]
