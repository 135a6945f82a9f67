"""What the tests of endings have in common."""

from datetime import timedelta

from include.events import SubscriptionSnapshot
from include.events import SubscriptionStatus as Status
from include.membership.end_rules import (
    EndHistory,
    membership_from,
)
from include.membership.ends import Deactivation, EndReason, EndState
from tests.factories import NOW, PERIOD_END, make_membership

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NOTHING = EndHistory()


def told(status=Status.ACTIVE, **changes):
    """Make a subscription as Stripe tells it."""
    fields = {
        "id": "sub_1",
        "customer_id": "cus_1",
        "status": status,
        "current_period_end": PERIOD_END,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": NOW if status is Status.CANCELED else None,
    }
    return SubscriptionSnapshot(**{**fields, **changes})


def became(subscription, *, before="active", history=NOTHING, now=NOW):
    """Return the membership that a subscription makes of an active one, or of none."""
    known = make_membership() if before == "active" else before
    return membership_from(subscription, tier="pro", before=known, history=history, at=NOW, now=now)


def a_row(state=EndState.PENDING, **changes):
    """Make a deactivation at the period's end."""
    fields = {
        "id": 1,
        "member_id": None,
        "subscription_id": "sub_1",
        "reason": EndReason.PERIOD_END,
        "vendor_at": PERIOD_END,
        "deactivate_at": PERIOD_END,
        "state": state,
        "created_at": NOW,
    }
    return Deactivation(**{**fields, **changes})
