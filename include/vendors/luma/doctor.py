"""Does Luma know our key, and may it read events and guests."""

from collections.abc import Iterator
from typing import Final

from include.check_results import CheckContext, CheckResult, ok
from include.vendors.luma.client import connect
from include.vendors.manifest import VendorAccess


def look(access: VendorAccess, context: CheckContext) -> Iterator[CheckResult]:
    """Read the events that come, and who waits for the first."""
    luma = connect(access)
    events = luma.list_events(after=context.clock.now())
    yield ok("Luma: events", "can be read")
    if not events.entries:
        yield ok("Luma: guests", "no event comes, so none could be read")
        return
    luma.list_pending_guests(events.entries[0])
    yield ok("Luma: guests", "can be read")


LOOKS: Final = {"Luma": look}
