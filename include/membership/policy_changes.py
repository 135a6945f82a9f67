"""What another policy would change: each subscription of Stripe's is looked at as if for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.membership.end_rules import EndHistory, membership_from
from include.membership.plans import SubscriptionKind, placement_of
from include.membership.standing import STANDINGS, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from include.events import SubscriptionSnapshot
    from include.membership.policy import Policy

NO_MEMBERSHIP = "no membership"


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyChange:
    """One subscription that another policy would make something else of."""

    subscription_id: str
    customer_id: str
    before: str
    after: str

    @property
    def what(self) -> str:
        """Return the kind of change: who gains, who loses, who is something else."""
        if self.before == NO_MEMBERSHIP:
            return "gain"
        return "lose" if self.after == NO_MEMBERSHIP else "change"


def changes_between(
    subscriptions: Iterable[SubscriptionSnapshot], old: Policy, new: Policy, *, now: datetime
) -> Iterator[PolicyChange]:
    """Yield what the new policy makes something else of."""
    for one in subscriptions:
        before, after = worth(one, old, now=now), worth(one, new, now=now)
        if before != after:
            yield PolicyChange(
                subscription_id=one.id, customer_id=one.customer_id, before=before, after=after
            )


def worth(subscription: SubscriptionSnapshot, policy: Policy, *, now: datetime) -> str:
    """Return in words what a policy makes of a subscription: `active pro`, `no membership`."""
    placement = placement_of(subscription, policy)
    if placement.kind is not SubscriptionKind.MEMBERSHIP or subscription.was_never_paid:
        return NO_MEMBERSHIP
    history = EndHistory(policy=policy)
    membership = membership_from(
        subscription, tier=placement.tier or "", before=None, history=history, at=now, now=now
    )
    standing = STANDINGS[membership.status]
    if standing is Standing.NONE:
        return NO_MEMBERSHIP
    return " ".join(filter(None, (standing.name.lower(), membership.tier)))
