"""Stripe's own list of events beside the inbox: a gap is filled as if the webhook had come.

Stripe keeps events for 30 days and tries to deliver each for three. Those that it could not deliver come first. What is
filled in has the event's document, not the bytes of a delivery; should the webhook come after all, its bytes take their
place.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from include.batches import batches
from include.jobs.reconciliation.repair import without_mail
from include.routing import ROUTES
from include.store.arrivals import stripe_envelope
from include.store.inbox import FILLED_BY, Arrival
from include.store.reconciliations import CheckFinding, finding_of
from include.store.webhooks import VendorChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from include.clock import Clock
    from include.jobs.reconciliation.repair import RepairLimits
    from include.store import Store
    from include.vendors.stripe.client import Stripe

REACH = timedelta(days=30)  # Stripe's
ON_ITS_WAY = timedelta(minutes=15)  # a younger event may still be delivered
BATCH_SIZE = 100
STRIPE_TYPES = [kind for kind in ROUTES["stripe"] if not kind.startswith("reconciliation.")]
HEADERS = orjson.dumps({FILLED_BY: "reconciliation"}).decode()


def read_events(
    *, dag_run_id: str, store: Store, stripe: Stripe, clock: Clock, limits: RepairLimits
) -> CheckFinding:
    """Find the events of Stripe's list that the inbox does not have, and put them in."""
    now = clock.now()
    seen: set[str] = set()
    missing: list[str] = []
    for delivered in (False, None):
        events = stripe.list_events(
            types=sorted(STRIPE_TYPES),
            since=now - REACH,
            until=now - ON_ITS_WAY,
            delivered=delivered,
        )
        for part in batches(_unseen(events, seen), BATCH_SIZE):
            gaps = gaps_in(part, store=store, now=now)
            missing += [arrival.event_id for arrival in gaps]
            if gaps and not limits.is_dry_run:
                store.inbox.receive(
                    [without_mail(gap) for gap in gaps] if limits.mails_nobody else gaps
                )
    finding = finding_of(
        "missed_events",
        missing,
        looked_at=len(seen),
        repaired=0 if limits.is_dry_run else len(missing),
        note="what is older than 30 days is not in Stripe's list" if missing else None,
    )
    store.reconciliations.save(dag_run_id, [finding])
    return finding


def gaps_in(events: Sequence[Mapping[str, Any]], *, store: Store, now: datetime) -> list[Arrival]:
    """Return the rows of those events that the inbox has in no form: a thin event of the same change is as good."""
    arrivals = {arrival.event_id: arrival for arrival in _arrivals(events, now)}
    gaps = {arrival.event_id: arrival for arrival in store.inbox.missing(list(arrivals.values()))}
    objects = {str(event["id"]): event["data"]["object"] for event in events if event["id"] in gaps}
    changes = [
        VendorChange(gap.type, str(objects[event_id].get("id")), gap.created_at)
        for event_id, gap in gaps.items()
    ]
    since = min((one.created_at for one in changes if one.created_at), default=now)
    came = store.webhooks.came_thin(changes, since=since) if changes else []
    return [gap for gap, is_here in zip(gaps.values(), came, strict=True) if not is_here]


def _unseen(events: Iterable[Mapping[str, Any]], seen: set[str]) -> Iterable[Mapping[str, Any]]:
    for event in events:
        event_id = str(event.get("id"))
        if event_id not in seen:
            seen.add(event_id)
            yield event


def _arrivals(events: Iterable[Mapping[str, Any]], now: datetime) -> list[Arrival]:
    """Return the rows that these events become; one without a usable id is not an event."""
    arrivals = []
    for event in events:
        envelope = stripe_envelope(event)
        if envelope is not None:
            body = orjson.dumps(event, default=str)  # Stripe's package makes Decimals of texts
            arrivals.append(
                Arrival(
                    provider="stripe",
                    received_at=now,
                    headers=HEADERS,
                    body=body,
                    body_sha256=sha256(body).digest(),
                    **envelope,
                )
            )
    return arrivals
