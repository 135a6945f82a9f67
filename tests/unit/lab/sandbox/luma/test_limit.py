"""Luma's limit, without a wire and without waiting."""

from include.lab.sandbox.luma.limit import RateLimit


def refused(limit, *moments, per_minute=3):
    """Make calls at these seconds; which of them were refused."""
    return [limit.refusal(at, per_minute=per_minute) is not None for at in moments]


def test_block_begins_with_the_call_too_many():
    """The block lasts a minute from there, and calls in it do not prolong it."""
    limit = RateLimit()

    assert refused(limit, 0, 1, 2, 3) == [False, False, False, True]
    assert refused(limit, 30, 62.9, 63) == [True, True, False]


def test_window_slides():
    """A call is forgotten a minute after it was made."""
    assert refused(RateLimit(), 0, 30, 59, 60, 90, 119) == [False] * 6


def test_refusal_says_when_to_come_back():
    """Retry-After is in whole seconds, never too few."""
    limit = RateLimit()
    refused(limit, 0, 0, 0, 0.5)

    assert limit.refusal(1, per_minute=3)["Retry-After"] == "60"
    assert limit.refusal(60.4, per_minute=3)["Retry-After"] == "1"
