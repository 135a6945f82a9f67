"""The moment that a run's name says: case D8 of the faults."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.membership.ends import Deactivation, EndReason, EndState

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu")
SECOND = timedelta(seconds=1)


def row_at(instant):
    """Make a planned end at an instant."""
    return Deactivation(
        id=7,
        member_id=UUID(int=1),
        subscription_id="sub_1",
        reason=EndReason.PERIOD_END,
        vendor_at=instant,
        deactivate_at=instant,
        state=EndState.PENDING,
        created_at=instant,
    )


def moment_in(row):
    """Return the moment that the run's name says, read as any reader of ISO 8601 reads it."""
    return datetime.fromisoformat(row.next_run_id.split(".", 3)[3])


@given(
    local=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001 - of every zone
    zone=st.sampled_from(ZONES).map(ZoneInfo)
    | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    fold=st.integers(0, 1),
)
def test_name_says_the_first_second_that_is_not_too_early(local, zone, fold):
    """In every zone, also in the hours that a clock change repeats or leaves out: an instant is an instant."""
    instant = local.replace(tzinfo=zone, fold=fold)

    late = moment_in(row_at(instant)) - instant.astimezone(UTC)

    assert timedelta(0) <= late < SECOND


@pytest.mark.parametrize(
    ("local", "zone", "name"),
    [
        (datetime(2026, 3, 8, 2, 30), "America/New_York", "2026-03-08T07:30:00Z"),  # noqa: DTZ001
        (datetime(2026, 11, 1, 1, 30), "America/New_York", "2026-11-01T05:30:00Z"),  # noqa: DTZ001
        (datetime(2028, 2, 29, 23, 59, 59), "UTC", "2028-02-29T23:59:59Z"),  # noqa: DTZ001
        (datetime(2028, 2, 29, 23, 59, 59, 1), "UTC", "2028-03-01T00:00:00Z"),  # noqa: DTZ001
        (datetime(2026, 12, 31, 23, 59, 59, 999999), "UTC", "2027-01-01T00:00:00Z"),  # noqa: DTZ001
        (datetime(2026, 2, 28, 20), "America/New_York", "2026-03-01T01:00:00Z"),  # noqa: DTZ001
    ],
    ids=["left out", "repeated", "leap day", "after it", "year's end", "month's end"],
)
def test_name_at_odd_moments(local, zone, name):
    """Clock changes, the leap day, the ends of month and year."""
    row = row_at(local.replace(tzinfo=ZoneInfo(zone)))

    assert row.next_run_id == f"deactivation.7.1.{name}"
