"""What is not usual of a vendor's webhooks: counted, and told. An absence is a silence, a rise is a finding."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.jobs.reconciliation.silence import NAMES
from include.jobs.reconciliation.steps import JOB
from include.jobs.reconciliation.usual import REACH_WEEKS, Counts, rises
from include.notify.findings import note_findings
from include.store.findings import Finding, FindingKey, FindingKind, FindingState
from include.store.rejections import AGAIN
from include.store.webhooks import hour_of

if TYPE_CHECKING:
    from datetime import datetime

    from include.store import Store

KIND: Final = FindingKind.UNUSUAL_WEBHOOKS
SAID: Final = {"late": "more than five minutes late", "again": "delivered again"}
"""How people are told of a share."""


def counts_of(provider: str, *, mode: str | None = None, store: Store, now: datetime) -> Counts:
    """Count a vendor's webhooks of the last weeks by hour, the present one included, in one of its modes or all."""
    span = {"since": now - timedelta(weeks=REACH_WEEKS), "until": now}
    kinds = store.webhooks.hours(provider, mode=mode, **span)
    refused = store.rejections.hours(provider, **span)
    of_all = kinds.get(None, {})
    return Counts(
        acts={
            kind: {hour: one.acts for hour, one in hours.items()} for kind, hours in kinds.items()
        },
        came={hour: one.count for hour, one in of_all.items()},
        shares={
            "late": {hour: one.late for hour, one in of_all.items()},
            "again": refused.pop(AGAIN, {}),
        },
        refused=refused,
    )


def note_rises(
    provider: str, counts: Counts, *, dag_run_id: str, store: Store, now: datetime
) -> None:
    """Keep a finding of what has risen, and end those of what is as usual again. In the caller's transaction."""
    subject = f"webhooks:{provider}:"
    found = [
        Finding(
            kind=KIND,
            subject=subject + one.what,
            words=f"{NAMES[provider]}'s webhooks, {SAID.get(one.what, one.what)}: {one.count} in 24 hours,"
            f" where nine days of ten before had {one.usual} at most",
        )
        for one in rises(counts, now=hour_of(now))
    ]
    known = [
        FindingKey(KIND, one.subject)
        for one in store.findings.read((FindingState.OPEN, FindingState.CLOSED))
        if one.kind is KIND and one.subject.startswith(subject)
    ]
    note_findings(found, checked=known, job=JOB, store=store, now=now, dag_run_id=dag_run_id)
