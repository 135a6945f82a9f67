"""What time a vendor has."""

from datetime import UTC, datetime

import pytest

from include.vendors.clock_skew import date_in


def test_date_is_read_whatever_the_case_of_its_name():
    """Packages hand headers on in different ways."""
    at = datetime(2026, 11, 25, 3, 0, 9, tzinfo=UTC)

    assert date_in({"DATE": "Wed, 25 Nov 2026 03:00:09 GMT"}) == at


@pytest.mark.parametrize(
    "headers", [None, {}, {"date": ""}, {"date": "soon"}, {"date": "25 Nov 2026"}]
)
def test_what_is_no_date_is_none(headers):
    """A clock is not judged by what cannot be read."""
    assert date_in(headers) is None
