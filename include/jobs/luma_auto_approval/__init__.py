"""The job `luma_auto_approval`: who waits to be let in to a coming event and is an active member is let in.

All pages are read before anything is decided, because a decision moves what the next page is. Then each guest is read
once more right before her approval. Luma's own state is the journal: a guest is approved only while she is pending, so
that neither a rerun, nor a lost answer, nor a host who was faster has her mailed twice.
"""

from include.jobs.luma_auto_approval.matching import Rule
from include.jobs.luma_auto_approval.result import Result
from include.jobs.luma_auto_approval.run import BUDGET, Orders, approve_members, orders_from
from include.jobs.pace import Pace

__all__ = ["BUDGET", "Orders", "Pace", "Result", "Rule", "approve_members", "orders_from"]
