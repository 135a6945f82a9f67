"""When a membership ends, and what that makes of its planned deactivation: pure functions.

Three questions, in this order. `membership_from`: what is a membership, now that Stripe says this of its
subscription? `wanted_end`: when and why does it end? `decide`: what has to change about the planned end?

Who has paid keeps her membership: a subscription that Stripe has ended before its period is over stays as it
was until then. What nobody can tell is never taken for "now": an end without a date waits for a person. And a
person's decision holds until the vendors tell of another end than the one she decided about.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from include.events import SubscriptionStatus
from include.membership.ends import End, EndReason, EndState
from include.membership.members import Membership
from include.membership.policy import shipped
from include.membership.standing import STANDINGS, Standing

if TYPE_CHECKING:
    from include.events import SubscriptionSnapshot
    from include.membership.ends import Deactivation, Refund
    from include.membership.policy import Access, Policy

CANCELED = SubscriptionStatus.CANCELED
SAME_END = timedelta(days=1)
"""How late Stripe may carry out a planned end so that it is the one a person has decided about."""
SAME_ACT = timedelta(hours=1)
"""How long before an end at once its refund may have been made."""
OTHER_ENDS = frozenset({EndReason.USER_DELETED, EndReason.REFUNDED})
"""Reasons of ends that are never the same as another one, whatever their dates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndHistory:
    """What else tells of a membership's end than its subscription."""

    latest: Deactivation | None = None  # the newest of this subscription
    refunds: tuple[Refund, ...] = ()  # of periods of it, the latest one's last
    deleted_at: datetime | None = None  # when the member deleted her account
    policy: Policy = field(default_factory=shipped)


class EndAction(Enum):
    """What is to be done about a planned end."""

    OPEN = auto()
    MOVE = auto()
    REVOKE = auto()
    CLOSE = auto()  # it was carried out, and something else has come since


@dataclass(frozen=True, kw_only=True, slots=True)
class EndDecision:
    """What is to be done, and the end that it leads to; none where there is to be none."""

    act: EndAction
    end: End | None = None


# --- what a membership is ---


def membership_from(  # noqa: PLR0913 - what a membership depends on
    subscription: SubscriptionSnapshot,
    *,
    tier: str,
    before: Membership | None,
    history: EndHistory,
    at: datetime,
    now: datetime,
) -> Membership:
    """Return the membership of a tier that a subscription is, as Stripe had it `at` that moment."""
    told = Membership(
        subscription_id=subscription.id,
        status=_status_told(subscription, history.policy.access),
        tier=tier,
        current_period_end=subscription.current_period_end,
        cancel_at=subscription.cancel_at,
        cancel_at_period_end=subscription.cancel_at_period_end,
        first_active_at=before.first_active_at if before else None,
        ended_at=subscription.ended_at,
        customer_id=subscription.customer_id,
        past_due_since=_past_due_since(subscription, before, at),
        is_fixed_term=_is_fixed_term(subscription, before),
    )
    if told.status is CANCELED:
        rests = subscription.is_collection_paused and history.policy.access.paused == "none"
        was_paid = not subscription.was_unpaid and not rests
        ended = _ended(told, before, history, was_paid=was_paid, at=at, now=now)
        return _dated(ended, subscription, at)
    if before is not None and _stays_over(told, before, history, now):
        return replace(told, status=CANCELED, ended_at=told.ended_at or before.ended_at)
    told = _dated(told, subscription, at)
    end = _unpaid_end(told, history.policy.access)
    if end is None or not _is_over(end, now) or _is_held(history.latest, end, now):
        return told
    return replace(told, status=CANCELED, ended_at=end.vendor_at)


def not_a_membership(before: Membership, *, at: datetime) -> Membership:
    """Return what was a membership and is a subscription of something else now."""
    if STANDINGS[before.status] <= Standing.ENDED:
        return before
    return replace(before, status=CANCELED, ended_at=at, cancel_at=None, cancel_at_period_end=False)


def membership_gone(
    subscription_id: str,
    *,
    before: Membership | None,
    history: EndHistory,
    at: datetime,
    now: datetime,
) -> Membership:
    """Return the membership whose subscription Stripe does not know any more since `at`, or earlier."""
    known = before or Membership(subscription_id=subscription_id, status=CANCELED)
    told = replace(known, status=CANCELED)
    was_paid = known.status is not SubscriptionStatus.PAUSED
    return _ended(told, before, history, was_paid=was_paid, at=at, now=now)


def _status_told(subscription: SubscriptionSnapshot, access: Access) -> SubscriptionStatus:
    """Return the status as it counts here: not to collect is to pause, and a pause may be as good as none."""
    status = subscription.status
    if access.paused == "full":
        return SubscriptionStatus.ACTIVE if status is SubscriptionStatus.PAUSED else status
    is_running = STANDINGS[status] >= Standing.PAST_DUE and status is not SubscriptionStatus.UNPAID
    return SubscriptionStatus.PAUSED if subscription.is_collection_paused and is_running else status


def _is_fixed_term(subscription: SubscriptionSnapshot, before: Membership | None) -> bool:
    """Tell whether its end was agreed when it began; an end that has not moved stays what it was."""
    is_the_same = before is not None and before.cancel_at == subscription.cancel_at
    is_kept = before is not None and is_the_same and before.is_fixed_term
    return subscription.is_fixed_term or (is_kept and not subscription.cancel_at_period_end)


def _past_due_since(
    subscription: SubscriptionSnapshot, before: Membership | None, at: datetime
) -> datetime | None:
    """Return when the first payment failed of those that are owed; None where none is."""
    if STANDINGS[subscription.status] is not Standing.PAST_DUE:
        return None
    known = (before.past_due_since if before else None, subscription.unpaid_since)
    return min(filter(None, known), default=at)


def _ended(  # noqa: PLR0913 - what an end depends on
    told: Membership,
    before: Membership | None,
    history: EndHistory,
    *,
    was_paid: bool,
    at: datetime,
    now: datetime,
) -> Membership:
    """Return what Stripe has ended: as it was while it is paid for or a person keeps it, else over."""
    told = replace(told, ended_at=told.ended_at or at)
    had = _status_before(told, before, history)
    if not was_paid or STANDINGS[had] is not Standing.ACTIVE:
        return told
    kept = replace(told, status=had, cancel_at=_paid_until(told))
    end = wanted_end(kept, history, now=now)
    if end is None or _is_held(history.latest, end, now) or not _is_over(end, now):
        return kept
    return told


def _status_before(
    told: Membership, before: Membership | None, history: EndHistory
) -> SubscriptionStatus:
    """Return what a subscription was before its end, where nobody told us as far as its dates tell.

    Who lost it to a refund that was taken back is asked about as if for the first time; so is who paused, for the
    end may be told before the end of the pause.
    """
    latest = history.latest
    was_refunded = latest is not None and latest.reason is EndReason.REFUNDED
    is_taken_back = was_refunded and not any(refund.is_full for refund in history.refunds)
    is_untold = before is not None and (
        before.status is SubscriptionStatus.PAUSED or (is_taken_back and before.status is CANCELED)
    )
    if before is not None and not is_untold:
        return before.status
    return SubscriptionStatus.ACTIVE if _paid_until(told) else CANCELED


def _dated(membership: Membership, subscription: SubscriptionSnapshot, at: datetime) -> Membership:
    """Note when it was active for the first time: as Stripe says, else when we first saw it so."""
    is_active = STANDINGS[membership.status] is Standing.ACTIVE
    began = subscription.started_at or (at if is_active else None)
    if membership.first_active_at is not None or subscription.was_never_paid:
        return membership
    return replace(membership, first_active_at=began)


def _stays_over(told: Membership, before: Membership, history: EndHistory, now: datetime) -> bool:
    """Tell whether Stripe has yet to carry out an end that we have carried out already."""
    end = wanted_end(told, history, now=now)
    if STANDINGS[before.status] is not Standing.ENDED or end is None:
        return False
    was_done = history.latest is not None and history.latest.was_carried_out
    return _is_over(end, now) or (was_done and _is_same(history.latest, end))


def _paid_until(ended: Membership) -> datetime | None:
    """Return until when an ended subscription was paid; None where Stripe does not say.

    Canceled for a date inside of its period it was paid until that date.
    """
    return min(filter(None, (ended.cancel_at, ended.current_period_end)), default=None)


# --- when it ends ---


def wanted_end(membership: Membership, history: EndHistory, *, now: datetime) -> End | None:
    """Return when and why a membership ends, None where no end is in sight.

    It has no date where the vendor does not say one.
    """
    if STANDINGS[membership.status] is Standing.NONE:
        return None
    if history.deleted_at is not None:
        return _end(history.deleted_at, EndReason.USER_DELETED)
    end = _planned_end(membership, now)
    if end is not None and (at := _paid_back_at(membership, history)) is not None:
        return _end(at, EndReason.REFUNDED)
    unpaid = _unpaid_end(membership, history.policy.access)
    return min(filter(None, (end, unpaid)), key=_date_of, default=None)


def _unpaid_end(membership: Membership, access: Access) -> End | None:
    """Return when what is owed for is over: so long after the first failed payment as the policy says."""
    graces = {
        SubscriptionStatus.PAST_DUE: access.past_due,
        SubscriptionStatus.UNPAID: access.unpaid,
    }
    if membership.status not in graces or membership.past_due_since is None:
        return None
    at = membership.past_due_since + graces[membership.status].for_
    return _end(at, EndReason.NOT_PAID)


def _date_of(end: End) -> datetime:
    """Sort ends by their date; one without is the last."""
    return end.vendor_at or datetime.max.replace(tzinfo=UTC)


def _paid_back_at(membership: Membership, history: EndHistory) -> datetime | None:
    """Return when the money for the running period was paid back, or, after an end at once, the rest of it."""
    for refund in reversed(history.refunds):
        if refund.is_full and _is_covered(membership, refund):
            return refund.refunded_at
        ended_at = membership.ended_at
        if ended_at is not None and refund.refunded_at >= ended_at - SAME_ACT:
            return ended_at
    return None


def _planned_end(membership: Membership, now: datetime) -> End | None:
    if membership.status is CANCELED:
        return _end(membership.ended_at or now, EndReason.DELETED)
    if membership.ended_at is not None:  # by Stripe, and kept by us
        return _end(_paid_until(membership), EndReason.DELETED)
    if membership.cancel_at_period_end:
        return _end(membership.cancel_at or membership.current_period_end, EndReason.PERIOD_END)
    if membership.cancel_at is not None:
        return _end(membership.cancel_at, EndReason.CANCEL_AT)
    return None


def _end(at: datetime | None, reason: EndReason) -> End:
    return End(vendor_at=at, deactivate_at=at, reason=reason)


def _is_covered(membership: Membership, refund: Refund) -> bool:
    """Tell whether the money of the running period is what was paid back."""
    end = membership.current_period_end
    return end is not None and end <= refund.paid_until


def _is_over(end: End, now: datetime) -> bool:
    return end.vendor_at is not None and end.vendor_at <= now


# --- what changes ---


def decide(
    latest: Deactivation | None, end: End | None, *, had_ended: bool, now: datetime
) -> EndDecision | None:
    """Return what is to be done about a subscription's newest row; None where nothing is.

    `had_ended` tells whether the membership was over before.
    """
    if latest is None or not latest.is_open:
        is_settled = end is None or _is_settled(latest, end, had_ended=had_ended, now=now)
        return None if end is None or is_settled else _open(end)
    if latest.was_carried_out:  # its run has still to bring Mailchimp in line and to say so
        is_settled = end is not None and _is_settled(latest, end, had_ended=had_ended, now=now)
        return None if is_settled else EndDecision(act=EndAction.CLOSE, end=end)
    if end is None:
        return EndDecision(act=EndAction.REVOKE)
    return None if _is_known(latest, end, now) else EndDecision(act=EndAction.MOVE, end=end)


def _open(end: End) -> EndDecision:
    return EndDecision(act=EndAction.OPEN, end=end)


def _is_settled(latest: Deactivation | None, end: End, *, had_ended: bool, now: datetime) -> bool:
    """Tell whether what has been closed was about this end; not if she was back before it."""
    if latest is None:
        return False
    if (
        latest.was_carried_out
    ):  # after a refund that was taken back she has it again, until another date
        is_the_last = end.reason is EndReason.DELETED and latest.reason is not EndReason.REFUNDED
        return had_ended and (is_the_last or _is_over(end, now))
    return latest.actor is not None and _is_same(latest, end)


def _is_known(latest: Deactivation, end: End, now: datetime) -> bool:
    """Tell whether an open row is about this end already."""
    if latest.actor is not None and _is_same(latest, end):
        return True
    if latest.state is EndState.FAILED:  # Stripe can be asked again: it is to be tried anew
        return False
    if latest.deactivate_at is not None and latest.deactivate_at <= now and _is_over(end, now):
        return True  # its run is on it
    return latest.vendor_at == end.vendor_at and latest.reason is end.reason


def _is_held(latest: Deactivation | None, end: End, now: datetime) -> bool:
    """Tell whether a person keeps the membership beyond this end."""
    if latest is None or latest.actor is None or not _is_same(latest, end):
        return False
    is_later = latest.deactivate_at is not None and latest.deactivate_at > now
    return latest.state is EndState.REVOKED or (latest.is_open and is_later)


def _is_same(latest: Deactivation | None, end: End) -> bool:
    """Tell whether a row was about this end: the vendor's date, or Stripe's carrying it out soon after."""
    if latest is None or {latest.reason, end.reason} & OTHER_ENDS:
        return False
    if latest.vendor_at is None or end.vendor_at is None:
        return latest.vendor_at is end.vendor_at
    return timedelta(0) <= end.vendor_at - latest.vendor_at <= SAME_END
