"""What is done about a planned end, and what a person has decided about it."""

from datetime import timedelta

import pytest

from include.events import SubscriptionStatus as Status
from include.membership.end_rules import (
    SAME_END,
    EndAction,
    EndDecision,
    EndHistory,
    decide,
    wanted_end,
)
from include.membership.ends import End, EndReason, EndState
from tests.factories import NOW, PERIOD_END
from tests.unit.membership.ends import DAY, NOTHING, SECOND, a_row, became, told


def an_end(at=PERIOD_END, reason=EndReason.PERIOD_END):
    return End(vendor_at=at, deactivate_at=at, reason=reason)


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
