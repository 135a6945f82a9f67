"""Which state wins: by the vendor's clock where it decides, else the vendor is asked."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.events import CustomerSnapshot
from include.events.reading import Node
from include.events.stripe import subscription_from
from include.membership.states import (
    CLOCK_SKEW,
    FRESH,
    AppliedObject,
    ObjectKey,
    ObjectReport,
    Resolution,
    is_outdated,
    resolve,
)
from tests.factories import NOW, subscription

KEY = ObjectKey("stripe", "test", "cus_1")
SNAPSHOT = CustomerSnapshot(id="cus_1", email=None, name="", deleted=False)
LATER, EARLIER = NOW + timedelta(seconds=9), NOW - timedelta(seconds=9)


def a_subscription(status):
    """Make a subscription as an event tells of it."""
    return subscription_from(Node(subscription(status=status)))


def report(at=NOW, event_id="evt_1", snapshot=SNAPSHOT):
    """Make what one event says."""
    return ObjectReport(event_id=event_id, occurred_at=at, snapshot=snapshot)


def applied(as_of=NOW, event_id="evt_0", **changes):
    """Make what is known; without an event it was read from the vendor."""
    values = {"member_id": None, "is_final": False, **changes}
    return AppliedObject(key=KEY, as_of=as_of, event_id=event_id, **values)


@pytest.mark.parametrize(
    ("known", "reports", "resolution"),
    [
        (None, [report()], Resolution.APPLY),
        (None, [report(EARLIER, "evt_2"), report()], Resolution.APPLY),
        (None, [report(), report()], Resolution.APPLY),
        (None, [report(), report(event_id="evt_2")], Resolution.ASK),
        (None, [report(NOW - FRESH)], Resolution.APPLY),
        (None, [report(NOW - FRESH - timedelta(seconds=1))], Resolution.ASK),
        (None, [report(snapshot=a_subscription("canceled"))], Resolution.ASK),
        (None, [report(EARLIER, snapshot=a_subscription("incomplete_expired"))], Resolution.APPLY),
        (None, [report(snapshot=None)], Resolution.ASK),
        (None, [report(LATER, "evt_2", None), report()], Resolution.ASK),
        (None, [report(LATER, "evt_2"), report(snapshot=None)], Resolution.APPLY),
        (applied(EARLIER), [report()], Resolution.APPLY),
        (applied(), [report()], Resolution.ASK),
        (applied(LATER), [report()], Resolution.ASK),
        (applied(event_id="evt_1"), [report()], Resolution.KEEP),
        (applied(is_final=True), [report(LATER)], Resolution.KEEP),
        (applied(NOW - CLOCK_SKEW, None), [report()], Resolution.ASK),
        (applied(EARLIER, None), [report()], Resolution.APPLY),
    ],
    ids=[
        "first",
        "newest of two",
        "the same twice",
        "two at once",
        "first, just now",
        "first, long ago",
        "first heard of by its end",
        "first heard of, never paid",
        "names only",
        "names only, newest",
        "names only, older",
        "newer",
        "tie",
        "older",
        "applied already",
        "final",
        "read moments ago",
        "read before",
    ],
)
def test_verdicts(known, reports, resolution):
    """The table of verdicts, row by row."""
    assert resolve(known, reports, now=NOW)[0] is resolution


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_order_of_reports_does_not_matter(seconds):
    """The same reports lead to the same resolution, in whatever order they came."""
    reports = [
        report(NOW + timedelta(seconds=s), f"evt_{number}") for number, s in enumerate(seconds)
    ]

    verdicts = {
        (resolution, newest.occurred_at)
        for order in permutations(reports)
        for resolution, newest in [resolve(applied(EARLIER), order, now=NOW)]
    }

    assert len(verdicts) == 1


@pytest.mark.parametrize(
    ("known", "outdated"),
    [
        (None, False),
        (applied(), False),
        (applied(LATER), True),
        (applied(LATER, "evt_1"), False),
        (applied(EARLIER, is_final=True), True),
    ],
)
def test_only_what_was_overtaken_is_outdated(known, outdated):
    """A report is outdated when another one, newer or final, was applied before it came."""
    assert is_outdated(known, report()) is outdated
