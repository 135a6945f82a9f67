"""Does Twilio take our log-in."""

from collections.abc import Iterator
from typing import Final

from include.check_results import CheckContext, CheckResult, ok
from include.vendors.manifest import VendorAccess
from include.vendors.twilio.client import connect_channel


def look(access: VendorAccess, _context: CheckContext) -> Iterator[CheckResult]:
    """Ask, and send nothing."""
    connect_channel(access).check()
    yield ok("Twilio", "knows the account and its token")


LOOKS: Final = {"Twilio": look}
