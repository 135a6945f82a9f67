"""Does the mail server take our log-in."""

from collections.abc import Iterator
from typing import Final

from include.check_results import CheckContext, CheckResult, ok
from include.vendors.mail.client import connect_channel
from include.vendors.manifest import VendorAccess


def look(access: VendorAccess, _context: CheckContext) -> Iterator[CheckResult]:
    """Ask, and send nothing."""
    connect_channel(access).check()
    yield ok("mail", "the mail server takes our log-in")


LOOKS: Final = {"mail": look}
