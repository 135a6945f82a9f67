"""The job `luma_auto_approval`: who waits to be let in to a coming event and is an active member is let in.

All pages are read before anything is decided, because a decision moves what the next page is. Then each guest is read
once more right before her approval. Luma's own state is the journal: a guest is approved only while she is pending, so
that neither a rerun, nor a lost answer, nor a host who was faster has her mailed twice.
"""

from include.clients.rate_limiter import RateLimiter
from include.jobs.luma_auto_approval.decide import PlusAddressRule
from include.jobs.luma_auto_approval.report import ApprovalResult
from include.jobs.luma_auto_approval.steps import (
    BUDGET,
    LumaRunOptions,
    approve_members,
    run_options_from,
)

__all__ = [
    "BUDGET",
    "ApprovalResult",
    "LumaRunOptions",
    "PlusAddressRule",
    "RateLimiter",
    "approve_members",
    "run_options_from",
]
