"""What becomes of a case that failed: pure."""

from dataclasses import replace
from datetime import timedelta

import pytest

from include.errors import ErrorClass
from include.failures.retry_policy import DEAD, RetryAction, RetryDecision, retry_decision
from include.store.breakers import Breaker, BreakerState
from include.store.dead_letters import DeadLetter, DeadLetterState, Severity
from tests.factories import NOW

PROBE_AT = NOW + timedelta(minutes=5)
OPEN = Breaker(vendor="mailchimp", state=BreakerState.OPEN, probe_at=PROBE_AT, changed_at=NOW)
PROBING = replace(OPEN, state=BreakerState.PROBING)
CLOSED = Breaker(vendor="mailchimp", state=BreakerState.CLOSED, changed_at=NOW)


def letter(state=DeadLetterState.RETRYING, **changes):
    values = {
        "id": 1,
        "job": "mailchimp_sync",
        "subject": "row:1",
        "state": state,
        "error_class": ErrorClass.TRANSIENT,
        "fingerprint": "",
        "reason": "",
        "severity": Severity.ERROR,
        "vendor": "mailchimp",
        "member_id": None,
        "dag_run_id": None,
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "since": NOW,
        "act_id": None,
        "actor": None,
        "why": None,
        "closed_at": None,
        "attempts": 1,
        "is_fixed": False,
    }
    return DeadLetter(**{**values, **changes})


def decide(error_class=ErrorClass.TRANSIENT, before=None, **changes):
    values = {"retries": 0, "slow_tries": 0, "breaker": CLOSED, "now": NOW}
    return retry_decision(error_class, before, **{**values, **changes})


def retry(seconds):
    return RetryDecision(action=RetryAction.RETRY, due_at=NOW + timedelta(seconds=seconds))


def defer(due_at):
    return RetryDecision(action=RetryAction.DEFER, due_at=due_at)


TRANSIENT_TABLE = [
    # retries, breaker → what
    (0, None, retry(1)),
    (0, CLOSED, retry(1)),
    (1, CLOSED, retry(2)),
    (2, CLOSED, retry(4)),
    (3, CLOSED, retry(8)),
    (4, CLOSED, retry(16)),
    (5, CLOSED, DEAD),
    *[(retries, breaker, defer(PROBE_AT)) for retries in range(6) for breaker in (OPEN, PROBING)],
]


@pytest.mark.parametrize(("retries", "breaker", "decided"), TRANSIENT_TABLE)
def test_transient_by_retries_and_breaker(retries, breaker, decided):
    """Five tries alone, then dead; a vendor that is down as a whole kills nobody, whichever try met it."""
    assert decide(retries=retries, breaker=breaker) == decided
    assert decide(before=letter(), retries=retries, breaker=breaker) == decided


@pytest.mark.parametrize("retries", range(6))
@pytest.mark.parametrize("breaker", [None, CLOSED, OPEN, PROBING])
@pytest.mark.parametrize(("slow_tries", "hours"), list(enumerate([1, 6, 24, None])))
def test_limit_that_lasts_for_hours_is_given_hours(retries, breaker, slow_tries, hours):
    """Three times, then it is dead, whatever else was tried."""
    decided = decide(
        ErrorClass.SLOW_TRANSIENT, letter(), retries=retries, slow_tries=slow_tries, breaker=breaker
    )

    assert decided == (DEAD if hours is None else defer(NOW + timedelta(hours=hours)))


OTHERS = sorted(set(ErrorClass) - {ErrorClass.TRANSIENT, ErrorClass.SLOW_TRANSIENT})


@pytest.mark.parametrize("retries", range(6))
@pytest.mark.parametrize("breaker", [None, CLOSED, OPEN, PROBING])
@pytest.mark.parametrize("error_class", OTHERS)
def test_what_no_try_would_mend_is_dead_at_once(error_class, retries, breaker):
    """Breaker or not."""
    assert decide(error_class, retries=retries, breaker=breaker) == DEAD


def test_replay_is_one_try():
    """A person waits for it: what fails again comes back to her at once, but for a vendor that is down for all."""
    before = letter(DeadLetterState.REPLAYING)

    assert decide(before=before) == DEAD
    assert decide(ErrorClass.SLOW_TRANSIENT, before) == DEAD
    assert decide(before=before, breaker=OPEN) == defer(PROBE_AT)


@pytest.mark.parametrize("retries", [0, 1, 5])
@pytest.mark.parametrize(
    ("waited", "decided"), [(timedelta(hours=23), defer(PROBE_AT)), (timedelta(hours=24), DEAD)]
)
def test_nobody_waits_longer_than_a_day(waited, retries, decided):
    """Then a person looks, though the vendor is still down."""
    before = letter(since=NOW - waited)

    assert decide(before=before, breaker=OPEN, retries=retries) == decided


def test_wait_of_an_earlier_case_does_not_count():
    """A letter that was closed begins anew."""
    before = letter(DeadLetterState.RESOLVED, since=NOW - timedelta(days=9), closed_at=NOW)

    assert decide(before=before, breaker=OPEN) == defer(PROBE_AT)
