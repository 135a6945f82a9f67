"""What comes of a message that could not be sent: pure."""

from datetime import timedelta

import pytest

from include.errors import (
    PermanentVendorError,
    Scope,
    VendorBusyError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.notify.sending import Sender, SendPolicy
from tests.factories import NOW

MINUTE = timedelta(minutes=1)
ALONE = SendPolicy(first_pause=MINUTE, longest_pause=30 * MINUTE)
WITH_OTHERS = SendPolicy(
    first_pause=MINUTE, longest_pause=MINUTE, max_attempts=3, has_other_channels=True
)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 1), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (10_000, 30)]
)
def test_each_pause_is_twice_as_long_up_to_the_longest(attempts, minutes):
    """However often it has failed."""
    assert ALONE.pause_after(attempts) == minutes * MINUTE


@pytest.mark.parametrize("seconds", [0, 7, 7200])
def test_pause_is_the_one_that_the_vendor_asks_for(seconds):
    """Shorter or longer than ours."""
    busy = VendorBusyError(retry_after_seconds=seconds)

    assert ALONE.next_try_at(5, busy, now=NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("policy", "error", "is_given_up"),
    [
        (ALONE, PermanentVendorError("no"), True),
        (ALONE, PermanentVendorError("no").about(Scope.PLACE), False),
        (ALONE, PermanentVendorError("no").about(Scope.VENDOR), False),
        (ALONE, VendorUnavailableError(), False),
        (ALONE, VendorUncertainError(), False),
        (WITH_OTHERS, PermanentVendorError("no"), True),
        (WITH_OTHERS, PermanentVendorError("no").about(Scope.PLACE), True),
        (WITH_OTHERS, PermanentVendorError("no").about(Scope.VENDOR), True),
        (WITH_OTHERS, VendorUnavailableError(), False),
        (WITH_OTHERS, VendorUncertainError(), False),
    ],
)
def test_what_is_given_up(policy, error, is_given_up):
    """Where nobody else is told, only a message that is refused for what it says; else whatever is refused."""
    assert (policy.next_try_at(1, error, now=NOW) is None) is is_given_up


def test_attempts_are_bounded_where_somebody_else_is_told():
    """The last of them is no reason for another one."""
    due = [WITH_OTHERS.next_try_at(n, VendorUnavailableError(), now=NOW) for n in (1, 2, 3)]

    assert due == [NOW + MINUTE, NOW + MINUTE, None]


@pytest.mark.parametrize(("asked", "calls"), [(None, 1), (2.0, 2), (2.1, 1)])
def test_short_pause_is_waited_on_the_spot(asked, calls):
    """Once, and no longer than two seconds here."""
    waited, made = [], []

    def call():
        made.append(1)
        if len(made) == 1:
            raise VendorBusyError(retry_after_seconds=asked)
        return "sent"

    sender = Sender(wait=waited.append, wait_seconds=2.0)
    if calls == 1:
        with pytest.raises(VendorBusyError):
            sender.send(call)
    else:
        assert sender.send(call) == "sent"

    assert len(made) == calls
    assert waited == [2.0] * (calls - 1)


def test_only_a_channel_that_is_away_is_left_alone():
    """What is about a message, its thread or its place stops no other."""
    sender = Sender(wait=lambda _: None, wait_seconds=0)

    for scope in Scope:
        sender.note(scope.value, PermanentVendorError("no").about(scope))

    assert set(sender.away) == {Scope.VENDOR.value}
