"""When a membership ends: D3, D4, D5 and D8 of the faults, as far as they are pure."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.events import SubscriptionSnapshot
from include.events import SubscriptionStatus as Status
from include.jobs.endings import (
    SAME_END,
    EndAction,
    EndDecision,
    EndHistory,
    decide,
    membership_from,
    membership_gone,
    wanted_end,
)
from include.store.deactivations import Deactivation, End, EndReason, EndState
from include.store.refunds import Refund
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


def end_of(membership, history=NOTHING, now=NOW):
    """Return reason and date of a membership's end."""
    end = wanted_end(membership, history, now=now)
    return end and (end.reason, end.deactivate_at)


def an_end(at=PERIOD_END, reason=EndReason.PERIOD_END):
    return End(vendor_at=at, deactivate_at=at, reason=reason)


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


# --- what is done about the planned end ---


def act(latest, end, *, had_ended=False, now=NOW):
    decision = decide(latest, end, had_ended=had_ended, now=now)
    return decision and decision.act


def test_first_announcement_opens():
    assert decide(None, an_end(), had_ended=False, now=NOW) == EndDecision(
        act=EndAction.OPEN, end=an_end()
    )


@pytest.mark.parametrize(
    "state", [s for s in EndState if s not in (EndState.DONE, EndState.REVOKED)]
)
def test_return_revokes_whatever_is_open(state):
    """Reactivation: also while a run works on it."""
    assert act(a_row(state), None) is EndAction.REVOKE


@pytest.mark.parametrize("state", [EndState.DONE, EndState.REVOKED])
def test_return_leaves_alone_what_is_closed(state):
    assert act(a_row(state), None) is None


@pytest.mark.parametrize("at", [PERIOD_END - DAY, PERIOD_END + SECOND, None])
def test_other_date_moves(at):
    """Later, earlier, or not known any more."""
    assert act(a_row(), an_end(at)) is EndAction.MOVE


def test_same_end_told_again_changes_nothing():
    assert act(a_row(), an_end()) is None
    unknown = a_row(EndState.DATE_UNKNOWN, vendor_at=None, deactivate_at=None)
    assert act(unknown, an_end(None)) is None


def test_end_carried_out_by_stripe_does_not_start_another_run():
    """At the second of the cut both work on it: the event finds the run at work."""
    ended = an_end(PERIOD_END + SECOND, EndReason.DELETED)

    assert act(a_row(EndState.SCHEDULED), ended, now=PERIOD_END + SECOND) is None
    assert act(a_row(EndState.DONE), ended, had_ended=True, now=PERIOD_END + SECOND) is None


@pytest.mark.parametrize("reason", [EndReason.USER_DELETED, EndReason.REFUNDED])
def test_end_that_is_now_overtakes_a_planned_one(reason):
    assert act(a_row(EndState.SCHEDULED), an_end(NOW, reason)) is EndAction.MOVE
    assert act(a_row(actor="user:grace"), an_end(NOW, reason)) is EndAction.MOVE


def test_new_end_after_a_return_opens_again():
    assert act(a_row(EndState.REVOKED), an_end()) is EndAction.OPEN
    assert (
        act(a_row(EndState.DONE), an_end(PERIOD_END + 30 * DAY), had_ended=False) is EndAction.OPEN
    )


def test_return_and_new_end_at_once_open_again():
    """One batch of events tells that she is back, and that she leaves later: that is planned."""
    later = an_end(PERIOD_END + 30 * DAY)

    assert act(a_row(EndState.DONE), later, had_ended=True, now=PERIOD_END + DAY) is EndAction.OPEN
    assert (
        act(a_row(EndState.DONE), an_end(None), had_ended=True, now=PERIOD_END + DAY)
        is EndAction.OPEN
    )


@pytest.mark.parametrize("state", [EndState.RUNNING, EndState.FAILED])
def test_what_was_carried_out_is_closed_by_a_return(state):
    """Its run has only words left to say: it is done, not revoked; a new end gets a row of its own."""
    row = a_row(state, applied_at=PERIOD_END)
    now, later = PERIOD_END + DAY, an_end(PERIOD_END + 30 * DAY)
    ended = an_end(now, EndReason.DELETED)

    assert act(row, None, now=now) is EndAction.CLOSE
    assert decide(row, later, had_ended=True, now=now) == EndDecision(
        act=EndAction.CLOSE, end=later
    )
    assert act(row, ended, had_ended=True, now=now) is None
    assert act(row, an_end(now + SECOND, EndReason.DELETED), had_ended=True, now=now) is None


# --- a person's decision ---


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=50), SAME_END])
def test_person_keeps_a_member(late):
    """Given up by hand: the end that Stripe carries out is the one she decided about."""
    row = a_row(EndState.REVOKED, actor="user:grace")
    now = PERIOD_END + late
    subscription = told(Status.CANCELED, ended_at=now, cancel_at=PERIOD_END)

    kept = became(subscription, history=EndHistory(latest=row), now=now)

    assert kept.status is Status.ACTIVE
    assert act(row, wanted_end(kept, NOTHING, now=now), now=now) is None


def test_person_gives_more_time():
    """Moved by hand: kept until the date she set, whatever Stripe ends before."""
    later = PERIOD_END + 10 * DAY
    row = a_row(actor="user:grace", deactivate_at=later, reason=EndReason.BY_HAND)
    subscription = told(Status.CANCELED, ended_at=PERIOD_END, cancel_at=PERIOD_END)

    kept = became(subscription, history=EndHistory(latest=row), now=PERIOD_END)
    over = became(subscription, history=EndHistory(latest=row), now=later)

    assert (kept.status, over.status) == (Status.ACTIVE, Status.CANCELED)
    assert act(row, wanted_end(kept, NOTHING, now=PERIOD_END), now=PERIOD_END) is None


def test_another_end_overrules_a_person():
    """She decided about that date; the vendor names another one."""
    row = a_row(actor="user:grace", deactivate_at=NOW + DAY, reason=EndReason.BY_HAND)

    assert act(row, an_end(PERIOD_END)) is None
    assert act(row, an_end(PERIOD_END + 2 * DAY)) is EndAction.MOVE
    assert act(row, an_end(PERIOD_END - DAY)) is EndAction.MOVE
