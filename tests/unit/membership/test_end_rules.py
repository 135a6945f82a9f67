"""When a membership ends: D3, D4, D5 and D8 of the faults, as far as they are pure."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.events import SubscriptionStatus as Status
from include.membership.end_rules import (
    EndHistory,
    membership_gone,
    wanted_end,
)
from include.membership.ends import EndReason, EndState, Refund
from tests.factories import NOW, PERIOD_END, make_membership
from tests.unit.membership.ends import DAY, NOTHING, SECOND, a_row, became, told


def end_of(membership, history=NOTHING, now=NOW):
    """Return reason and date of a membership's end."""
    end = wanted_end(membership, history, now=now)
    return end and (end.reason, end.deactivate_at)


# --- what is announced ---


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, None),
        ({"cancel_at_period_end": True}, (EndReason.PERIOD_END, PERIOD_END)),
        (
            {"cancel_at_period_end": True, "cancel_at": PERIOD_END},
            (EndReason.PERIOD_END, PERIOD_END),
        ),
        ({"cancel_at": NOW + DAY}, (EndReason.CANCEL_AT, NOW + DAY)),
        ({"cancel_at": PERIOD_END + DAY}, (EndReason.CANCEL_AT, PERIOD_END + DAY)),
        ({"cancel_at_period_end": True, "current_period_end": None}, (EndReason.PERIOD_END, None)),
        ({"status": Status.INCOMPLETE, "cancel_at": NOW}, None),
    ],
    ids=str,
)
def test_announced_end_is_planned(changes, end):
    """At its date; without one (D3) nobody guesses."""
    assert end_of(became(told(**changes))) == end


def test_agreed_end_stays_agreed_in_its_last_period():
    """Nobody has asked to leave before the date that was agreed; another date is asked for."""
    term = make_membership(cancel_at=PERIOD_END, is_fixed_term=True)

    assert not became(told(cancel_at=PERIOD_END), before=term).is_canceling
    assert became(told(cancel_at=PERIOD_END - DAY), before=term).is_canceling


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - the zone is drawn too
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Chatham"]),
)
def test_instants_are_instants_in_every_time_zone(local, zone):
    """D8: over clock changes, leap days and month ends the planned instant is Stripe's, to the second."""
    at = local.replace(microsecond=0, tzinfo=ZoneInfo(zone))
    end_of_month = at.replace(day=monthrange(at.year, at.month)[1])
    for instant in (at, end_of_month):
        period_end = datetime.fromtimestamp(int(instant.timestamp()), UTC)
        subscription = told(cancel_at_period_end=True, current_period_end=period_end)

        _, planned = end_of(became(subscription))

        assert planned.timestamp() == int(instant.timestamp())
        assert planned.utcoffset() == timedelta(0)


# --- what Stripe has ended ---


def test_who_has_paid_stays_until_the_end_of_her_period():
    """A deleted subscription with paid time left: the membership is as it was, its end is planned."""
    kept = became(told(Status.CANCELED))

    assert (kept.status, kept.cancel_at, kept.ended_at) == (Status.ACTIVE, PERIOD_END, NOW)
    assert end_of(kept) == (EndReason.DELETED, PERIOD_END)


def test_end_that_we_were_first_to_carry_out_keeps_its_moment():
    """Stripe takes up to an hour for its own part: what it says until then, read anew, changes nothing."""
    over = make_membership(
        status=Status.CANCELED,
        ended_at=PERIOD_END,
        cancel_at_period_end=True,
        customer_id="cus_1",
    )

    again = became(told(cancel_at_period_end=True), before=over, now=PERIOD_END + SECOND)

    assert again == over


def test_trial_stays_a_trial_until_its_end():
    kept = became(told(Status.CANCELED), before=make_membership(status=Status.TRIALING))

    assert kept.status is Status.TRIALING


@pytest.mark.parametrize(
    "over",
    [
        {"current_period_end": NOW},
        {"current_period_end": NOW - DAY},
        {"cancel_at": NOW},
        {"was_unpaid": True},
    ],
    ids=str,
)
def test_what_is_over_or_not_paid_ends_now(over):
    """D4: past its period, canceled for a date that is there, or never paid for."""
    ended = became(told(Status.CANCELED, **over))

    assert ended.status is Status.CANCELED
    assert end_of(ended) == (EndReason.DELETED, NOW)


@pytest.mark.parametrize(
    "status", [Status.PAST_DUE, Status.UNPAID, Status.CANCELED, Status.INCOMPLETE]
)
def test_who_was_not_in_good_standing_keeps_nothing(status):
    """The period that runs is not paid for."""
    assert became(told(Status.CANCELED), before=make_membership(status=status)).status is (
        Status.CANCELED
    )


def test_who_paused_last_as_we_know_keeps_what_is_paid_for():
    """Her pause may have ended before the end, untold: only a pause that Stripe still shows leaves nothing."""
    before = make_membership(status=Status.PAUSED)

    assert became(told(Status.CANCELED), before=before).status is Status.ACTIVE
    shown = told(Status.CANCELED, is_collection_paused=True)
    assert became(shown, before=before).status is Status.CANCELED


def test_ended_without_a_period_waits_for_a_person():
    """D3: whether she has paid time left nobody can tell, so she loses nothing."""
    kept = became(told(Status.CANCELED, current_period_end=None))

    assert kept.status is Status.ACTIVE
    assert end_of(kept) == (EndReason.DELETED, None)


def test_end_that_comes_before_the_beginning():
    """D5: the first that is told of a subscription is its end."""
    paid = became(told(Status.CANCELED), before=None)
    unknown = became(told(Status.CANCELED, current_period_end=None), before=None)

    assert (paid.status, end_of(paid)) == (Status.ACTIVE, (EndReason.DELETED, PERIOD_END))
    assert unknown.status is Status.CANCELED


def test_subscription_that_stripe_has_lost():
    """404: what we know of its period counts."""
    before = make_membership()

    kept = membership_gone("sub_1", before=before, history=NOTHING, at=NOW, now=NOW)
    late = membership_gone("sub_1", before=before, history=NOTHING, at=NOW, now=PERIOD_END)
    never = membership_gone("sub_1", before=None, history=NOTHING, at=NOW, now=NOW)

    assert (kept.status, end_of(kept)) == (Status.ACTIVE, (EndReason.DELETED, PERIOD_END))
    assert (late.status, never.status) == (Status.CANCELED, Status.CANCELED)


def test_stripe_is_slower_than_we_are():
    """We ended it at its second; Stripe still calls it active, for up to an hour: it stays ended."""
    over = make_membership(status=Status.CANCELED)
    late = told(cancel_at_period_end=True, cancel_at=PERIOD_END)

    assert became(late, before=over, now=PERIOD_END + SECOND).status is Status.CANCELED
    assert became(told(), before=over, now=PERIOD_END + SECOND).status is Status.ACTIVE


def test_end_by_hand_is_not_undone_by_the_next_event():
    """A person has ended it before its date: what Stripe says of the same date changes nothing."""
    over = make_membership(status=Status.CANCELED)
    done = EndHistory(latest=a_row(EndState.DONE, actor="user:grace", reason=EndReason.BY_HAND))
    same = told(cancel_at_period_end=True, cancel_at=PERIOD_END)
    other = told(cancel_at=PERIOD_END + 10 * DAY)

    assert became(same, before=over, history=done).status is Status.CANCELED
    assert became(other, before=over, history=done).status is Status.ACTIVE


# --- accounts and money ---


def test_deleted_account_ends_what_runs():
    history = EndHistory(deleted_at=NOW - SECOND)

    assert end_of(make_membership(), history) == (EndReason.USER_DELETED, NOW - SECOND)
    assert end_of(make_membership(status=Status.INCOMPLETE), history) is None


@pytest.mark.parametrize(
    ("changes", "paid_until", "reason"),
    [
        ({"ended_at": NOW, "cancel_at": PERIOD_END}, PERIOD_END, EndReason.REFUNDED),
        ({"cancel_at_period_end": True}, PERIOD_END, EndReason.REFUNDED),
        ({"cancel_at_period_end": True}, PERIOD_END - DAY, EndReason.PERIOD_END),
        ({}, PERIOD_END, None),
    ],
    ids=["ended", "ends", "an older period", "goes on"],
)
def test_who_has_her_money_back_has_no_paid_time(changes, paid_until, reason):
    """D4: the running period's money; and nobody who goes on loses anything over a gift."""
    refund = Refund(subscription_id="sub_1", paid_until=paid_until, refunded_at=NOW)

    end = wanted_end(make_membership(**changes), EndHistory(refunds=(refund,)), now=NOW)

    assert (end and end.reason) is reason
    assert reason is not EndReason.REFUNDED or end.deactivate_at == NOW


def test_refund_before_the_cancellation():
    """The money first, then the end: the end is at once."""
    refund = Refund(subscription_id="sub_1", paid_until=PERIOD_END, refunded_at=NOW)

    assert (
        became(told(Status.CANCELED), history=EndHistory(refunds=(refund,))).status
        is Status.CANCELED
    )
