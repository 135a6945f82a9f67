"""When a vendor is left alone, and when it is tried again: pure."""

from datetime import timedelta

import pytest

from include.failures.breakers import (
    PROBE_LEASE,
    Admission,
    admitted,
    after_failures,
    after_success,
    released,
)
from include.store.breakers import Breaker, BreakerState
from tests.factories import NOW

CLOSED = Breaker(vendor="mailchimp", state=BreakerState.CLOSED, changed_at=NOW)
WHO = tuple(f"member:{n}" for n in range(5))


def fail(breaker, who=WHO, *, by="run_1", reason="it is down", now=NOW):
    return after_failures(breaker, who, by=by, reason=reason, opens_after=5, now=now)


def opened(times=1):
    """Return a breaker that has opened so often, and when that was."""
    breaker, now = fail(CLOSED), NOW
    for _ in range(times - 1):
        now = breaker.probe_at
        _, probing = admitted(breaker, by="run_1", now=now)
        breaker = fail(probing, (), now=now)
    return breaker, now


def test_one_unlucky_member_never_opens_it():
    """Whom calls fail for is counted, not how often."""
    breaker = CLOSED
    for _ in range(20):
        breaker = fail(breaker, WHO[:1])

    assert breaker.state is BreakerState.CLOSED


def test_enough_in_a_row_open_it():
    """Across runs; the pause until the first probe is a minute."""
    breaker = fail(fail(CLOSED, WHO[:4]), WHO[4:])

    assert (breaker.state, breaker.reason) == (BreakerState.OPEN, "it is down")
    assert breaker.probe_at == NOW + timedelta(minutes=1)


def test_success_in_between_starts_anew():
    """In a row means without one that went well."""
    breaker = fail(after_success(fail(CLOSED, WHO[:4]), now=NOW), WHO[4:])

    assert breaker.state is BreakerState.CLOSED


def test_pauses_grow_to_an_hour():
    """1, 5, 15, 60, 60 … minutes: a vendor that is back is found within the hour."""
    pauses = []
    for times in range(1, 7):
        breaker, now = opened(times)
        pauses.append((breaker.probe_at - now) / timedelta(minutes=1))

    assert pauses == [1, 5, 15, 60, 60, 60]


def test_one_run_probes_the_others_wait():
    """At the due time the first that asks may call; it may ask again."""
    breaker, _ = opened()
    now = breaker.probe_at

    early, same = admitted(breaker, by="run_1", now=now - timedelta(seconds=1))
    first, probing = admitted(breaker, by="run_1", now=now)
    second, _ = admitted(probing, by="run_2", now=now)
    again, _ = admitted(probing, by="run_1", now=now)

    assert (early, first, second, again) == (
        Admission.WAIT,
        Admission.PROBE,
        Admission.WAIT,
        Admission.PROBE,
    )
    assert same == breaker


def test_probe_that_died_does_not_hold_it_open():
    """Another run may probe when the lease is over."""
    breaker, _ = opened()
    _, probing = admitted(breaker, by="run_1", now=breaker.probe_at)

    admission, _ = admitted(probing, by="run_2", now=breaker.probe_at + PROBE_LEASE)

    assert admission is Admission.PROBE


def test_who_has_not_called_says_nothing_of_it():
    """A run that was turned away fails too: that is neither a failed probe nor the vendor's reason."""
    breaker, _ = opened()
    _, probing = admitted(breaker, by="run_1", now=breaker.probe_at)

    assert fail(breaker, ["member:9"], by="run_2", reason="left alone") == breaker
    assert fail(probing, ["member:9"], by="run_2", reason="left alone") == probing
    assert fail(probing, (), by="run_1").state is BreakerState.OPEN


def test_probe_without_a_call_is_given_back():
    """Its run had nothing to ask: the next one may, at once. Only its own run gives it back."""
    breaker, _ = opened()
    now = breaker.probe_at
    _, probing = admitted(breaker, by="run_1", now=now)

    assert released(probing, by="run_2", now=now) == probing
    admission, _ = admitted(released(probing, by="run_1", now=now), by="run_2", now=now)

    assert admission is Admission.PROBE


@pytest.mark.parametrize("times", [1, 4])
def test_answer_closes_it(times):
    """However long it was open; the next outage begins with a minute again."""
    breaker, now = opened(times)

    closed = after_success(breaker, now=now)

    assert (closed.state, closed.failing, closed.openings) == (BreakerState.CLOSED, (), 0)
    assert fail(closed, now=now).probe_at == now + timedelta(minutes=1)
