"""What is asked about each vendor: a key first, tried at once, then a choice from the vendor's own lists.

Every step keeps its answer before the next is asked. Addresses are the vendors' own, unless the file leads to others
already, as a trial with the sandbox does.
"""

from __future__ import annotations

from typing import Final

from include.operate.setup.vendors.alerts import mail, pagerduty, twilio
from include.operate.setup.vendors.clerk import clerk
from include.operate.setup.vendors.luma import luma
from include.operate.setup.vendors.mailchimp import mailchimp
from include.operate.setup.vendors.slack import slack
from include.operate.setup.vendors.stripe import stripe

__all__ = [
    "VENDORS",
    "clerk",
    "luma",
    "mail",
    "mailchimp",
    "pagerduty",
    "slack",
    "stripe",
    "twilio",
]

VENDORS: Final = (stripe, clerk, mailchimp, luma, slack, mail, pagerduty, twilio)
"""In the order in which they are asked about."""
