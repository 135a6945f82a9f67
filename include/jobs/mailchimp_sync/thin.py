"""Thin events: what they name is read, and from there on they are what the snapshot event of the same thing is.

One that names a customer or a subscription needs nothing here: the job asks for these in any case.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from include.errors import PayloadError, UnreadableError, VendorError
from include.events import MoneyMoved, Named, subject_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.events import Event, Node, Subject
    from include.jobs.mailchimp_sync.collect import Arrived
    from include.jobs.mailchimp_sync.vendors import VendorReader


def read_named(
    arrived: Sequence[Arrived], vendors: VendorReader
) -> tuple[list[Arrived], dict[int, VendorError]]:
    """Return the rows, thin events now as their snapshots would be, and those that Stripe does not answer about.

    Each object is read once, however many events name it.
    """
    named = {row.event.subject: None for row in arrived if isinstance(row.event.subject, Named)}
    answers = dict(zip(named, vendors.named(list(named)), strict=True))
    rows: list[Arrived] = []
    unanswered: dict[int, VendorError] = {}
    for row in arrived:
        subject = row.event.subject
        if not isinstance(subject, Named):
            rows.append(row)
            continue
        answer = answers[subject]
        try:
            if isinstance(answer, VendorError):
                raise answer
            rows.append(row._replace(event=replace(row.event, subject=_subject(row.event, answer))))
        except VendorError as error:
            unanswered[row.inbox_id] = error
    return rows, unanswered


def _subject(event: Event, found: Node) -> Subject:
    """Read an object; one that Stripe does not know is about nobody."""
    if not found.values:
        return MoneyMoved(charge_id=None)
    try:
        return subject_in("stripe", event.type, found)
    except PayloadError as error:
        raise UnreadableError(f"the answer cannot be read: {error}").by("stripe") from None
