"""Who waits to be let in: all pages of all coming events, before anything is decided."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from include.errors import VendorError, VendorNotFoundError
from include.vendors.pages import all_pages

if TYPE_CHECKING:
    from datetime import datetime

    from include.jobs.luma_auto_approval.report import ApprovalResult
    from include.vendors.luma.client import Guest, Luma
    from include.vendors.rate_limiter import RateLimiter

UNREADABLE = "{} entries cannot be read"


def coming_events(
    luma: Luma, limiter: RateLimiter, result: ApprovalResult, *, now: datetime
) -> list[str]:
    """Return the ids of the events to come; raises VendorError where they cannot be listed."""
    ids: list[str] = []
    for page in all_pages(partial(luma.list_events, after=now), limiter.call, vendor="Luma"):
        ids += page.entries
        if page.unreadable:
            result.add_error(UNREADABLE.format(page.unreadable), event="list of events")
    return list(dict.fromkeys(ids))


def pending_guests(
    events: list[str], luma: Luma, limiter: RateLimiter, result: ApprovalResult
) -> list[Guest]:
    """Return the guests who wait; what cannot be read is an error of its event, and the others go on."""
    guests: dict[tuple[str, str], Guest] = {}
    for event in events:
        result.events += 1
        try:
            read = partial(luma.list_pending_guests, event)
            for page in all_pages(read, limiter.call, vendor="Luma"):
                guests |= {(event, guest.id): guest for guest in page.entries}
                if page.unreadable:
                    result.add_error(UNREADABLE.format(page.unreadable), event=event)
        except VendorNotFoundError:  # another calendar's, or gone since the list was read
            result.foreign_events += 1
        except VendorError as error:
            result.failed_events += 1
            result.add_error(str(error), event=event)
    return list(guests.values())
