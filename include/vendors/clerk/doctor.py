"""Does Clerk know our key."""

from collections.abc import Iterator
from typing import Final

from include.check_results import CheckContext, CheckResult, ok
from include.vendors.clerk.client import connect
from include.vendors.clock_skew import compare_clocks
from include.vendors.manifest import VendorAccess


def look(access: VendorAccess, context: CheckContext) -> Iterator[CheckResult]:
    """Read a user."""
    theirs = connect(access).check()
    yield ok("Clerk: users", "can be read")
    yield compare_clocks("Clerk", theirs, context)


LOOKS: Final = {"Clerk": look}
