"""PagerDuty has no call that changes nothing: its key's form is all that is looked at, with the connections."""

from collections.abc import Iterator
from typing import Final

from include.check_results import CheckContext, CheckResult, ok
from include.vendors.manifest import VendorAccess


def look(access: VendorAccess, _context: CheckContext) -> Iterator[CheckResult]:
    """Say that only its form was looked at, where there is a key."""
    access.account("pagerduty")
    yield ok(
        "PagerDuty",
        "only its key's form was looked at: `alerts check` makes a call, which wakes nobody",
    )


LOOKS: Final = {"PagerDuty": look}
