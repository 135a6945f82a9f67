"""A job's pace at a vendor, on a clock that only moves when somebody waits."""

from datetime import UTC, datetime, timedelta

import pytest

from include.clock import FixedClock
from include.errors import TimeUpError, VendorBusyError
from include.vendors.rate_limiter import RateLimiter

START = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def clock():
    return FixedClock(START)


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def pace_of(clock, pauses):
    def make(*, seconds=1000, per_minute=3):
        def sleep(pause):
            pauses.append(pause)
            clock.advance(timedelta(seconds=pause))

        until = START + timedelta(seconds=seconds)
        return RateLimiter(clock=clock, sleep=sleep, until=until, per_minute=per_minute)

    return make


def busy_once(*, retry_after):
    """Return a call that is refused once, then answered."""
    answers = [VendorBusyError("Luma: too many calls", retry_after_seconds=retry_after), "done"]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_calls_of_a_minute_are_never_more_than_allowed(pace_of, clock, pauses):
    """In every window of a minute, however the calls are spread."""
    pace, begun = pace_of(per_minute=3), []
    for step in (0, 10, 20, 0, 0, 5, 30, 0, 0, 0):
        clock.advance(timedelta(seconds=step))
        pace.call(lambda: begun.append(clock.now()))

    for first in begun:
        assert sum(first <= one <= first + timedelta(minutes=1) for one in begun) <= 3
    assert pauses


def test_busy_vendor_gets_the_pause_it_asks_for(pace_of, pauses):
    """Then the same call is made again."""
    assert pace_of().call(busy_once(retry_after=7)) == "done"
    assert pauses == [7]


@pytest.mark.parametrize("retry_after", [None, 0])
def test_pause_is_never_none(pace_of, pauses, retry_after):
    """A vendor that names no pause, or none at all, is not asked in a tight loop."""
    pace_of().call(busy_once(retry_after=retry_after))

    assert pauses == [1]


def test_pause_that_does_not_fit_ends_the_run(pace_of, pauses):
    """Nobody waits for what he will not see; the text says how long, and how much was left."""
    with pytest.raises(TimeUpError, match="too many calls: the pause is 60 s, and 45 s are left"):
        pace_of(seconds=45).call(busy_once(retry_after=60))

    assert pauses == []


def test_full_minute_that_does_not_fit_ends_the_run(pace_of, pauses):
    """The same for a pause of our own."""
    pace = pace_of(seconds=45, per_minute=2)
    pace.call(lambda: None)
    pace.call(lambda: None)

    with pytest.raises(TimeUpError, match="the calls of this minute are made"):
        pace.call(lambda: None)
    assert pauses == []


def test_no_call_begins_after_the_end(pace_of, clock):
    """What has begun may end; nothing new is begun."""
    pace, made = pace_of(seconds=45), []
    clock.advance(timedelta(seconds=45))

    with pytest.raises(TimeUpError):
        pace.call(lambda: made.append(1))
    assert made == []
