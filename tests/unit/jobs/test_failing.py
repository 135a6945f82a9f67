"""What becomes of a case that failed: pure."""

from datetime import timedelta

import pytest

from include.errors import ErrorClass
from include.jobs.failing import Fate, Sentence, sentence_for
from include.store.breakers import Breaker, BreakerState
from include.store.dead_letters import DeadLetter, LetterState, Severity
from tests.factories import NOW

PROBE_AT = NOW + timedelta(minutes=5)
OPEN = Breaker(vendor="mailchimp", state=BreakerState.OPEN, probe_at=PROBE_AT, changed_at=NOW)
CLOSED = Breaker(vendor="mailchimp", state=BreakerState.CLOSED, changed_at=NOW)


def letter(state=LetterState.RETRYING, **changes):
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


def sentence(error_class=ErrorClass.TRANSIENT, before=None, **changes):
    values = {"slow_tries": 0, "breaker": CLOSED, "is_retry": False, "now": NOW}
    return sentence_for(error_class, before, **{**values, **changes})


def test_transient_is_tried_again_in_a_second():
    """From a batch, alone."""
    assert sentence() == Sentence(fate=Fate.RETRY, due_at=NOW + timedelta(seconds=1))


def test_transient_is_dead_after_the_last_try():
    """Of webhook_retry, while the vendor answers others."""
    assert sentence(is_retry=True).fate is Fate.DEAD


@pytest.mark.parametrize("is_retry", [True, False])
@pytest.mark.parametrize("state", [LetterState.RETRYING, LetterState.REPLAYING])
def test_vendor_that_is_down_as_a_whole_kills_nobody(is_retry, state):
    """What needs it waits for its next probe."""
    decided = sentence(before=letter(state), breaker=OPEN, is_retry=is_retry)

    assert decided == Sentence(fate=Fate.WAIT, due_at=PROBE_AT)


@pytest.mark.parametrize(
    ("waited", "fate"),
    [(timedelta(hours=23), Fate.WAIT), (timedelta(hours=24), Fate.DEAD)],
)
def test_nobody_waits_longer_than_a_day(waited, fate):
    """Then a person looks, though the vendor is still down."""
    before = letter(since=NOW - waited)

    assert sentence(before=before, breaker=OPEN, is_retry=True).fate is fate


def test_wait_of_an_earlier_case_does_not_count():
    """A letter that was closed begins anew."""
    before = letter(LetterState.RESOLVED, since=NOW - timedelta(days=9), closed_at=NOW)

    assert sentence(before=before, breaker=OPEN).fate is Fate.WAIT


def test_replay_is_one_try():
    """A person waits for it: what fails again comes back to her at once."""
    assert sentence(before=letter(LetterState.REPLAYING)).fate is Fate.DEAD


@pytest.mark.parametrize(("tries", "hours"), [(0, 1), (1, 6), (2, 24), (3, None)])
def test_limit_that_lasts_for_hours_is_given_hours(tries, hours):
    """Three times, then it is dead."""
    decided = sentence(ErrorClass.SLOW_TRANSIENT, letter(), slow_tries=tries)

    if hours is None:
        assert decided.fate is Fate.DEAD
    else:
        assert decided == Sentence(fate=Fate.WAIT, due_at=NOW + timedelta(hours=hours))


@pytest.mark.parametrize(
    "error_class", [ErrorClass.PERMANENT, ErrorClass.PAYLOAD, ErrorClass.UNCERTAIN]
)
def test_what_no_try_would_mend_is_dead_at_once(error_class):
    """Breaker or not."""
    assert sentence(error_class, breaker=OPEN).fate is Fate.DEAD
