"""Every quarter of an hour: did all come that the vendors have, and if not, why.

Stripe's events and Clerk's changed users since the last look are compared with the inbox; what did not come is put in,
and goes the normal way. The night's comparison of everything stays: this one sees no further than its cursor.
A vendor that does not answer is asked again at the next look, from where the last one came to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import structlog

from include.batches import batches
from include.errors import PayloadError, PermanentVendorError, VendorError
from include.jobs.reconciliation.events import BATCH_SIZE, STRIPE_TYPES, gaps_in
from include.jobs.reconciliation.members import users_that_differ
from include.jobs.reconciliation.repair import have_read_again
from include.jobs.reconciliation.silence import (
    EXPLAINS_NOTHING,
    NAMES,
    WebhookEvidence,
    over,
    silences_of,
)
from include.jobs.reconciliation.unusual import counts_of, note_rises
from include.jobs.reconciliation.usual import absences
from include.store.breakers import BreakerState
from include.store.reconciliations import finding_of
from include.store.webhooks import WebhookCheck, hour_of
from include.vendors.endpoint_probe import probe_endpoint
from include.vendors.stripe.endpoints import ours_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from include.clock import Clock
    from include.jobs.reconciliation.repair import RepairLimits
    from include.settings import JobSettings
    from include.store import Store
    from include.store.reconciliations import CheckFinding
    from include.vendors.clerk.client import Clerk
    from include.vendors.endpoint_probe import EndpointAnswer
    from include.vendors.stripe.client import Stripe
    from include.vendors.stripe.endpoints import WebhookEndpoint

CHECK: Final = "webhooks"
MISSED: Final = {provider: f"missed_{provider}" for provider in NAMES}
ON_ITS_WAY: Final = timedelta(minutes=2)  # what is younger may still come
OVERLAP: Final = timedelta(minutes=5)  # a vendor's list may get an event a little late
FIRST_LOOK: Final = timedelta(hours=1)
WINDOW: Final = timedelta(hours=6)  # is compared at once; the cursor is kept after each
MAX_EVENTS: Final = 2000  # of a look; the next one goes on
MAX_USERS: Final = 1000
CLOCK_OFF: Final = timedelta(minutes=15)  # a relay's, which dates what it refuses
SKEW: Final = timedelta(seconds=5)  # between a user's change and the event's time

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookCheckContext:
    """What a look is made with."""

    dag_run_id: str
    store: Store
    stripe: Stripe
    clerk: Clerk
    clock: Clock
    settings: JobSettings
    limits: RepairLimits


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookGap:
    """What of a vendor's changes did not come."""

    ids: tuple[str, ...] = ()
    since: datetime | None = None  # the oldest of them
    looked_at: int = 0
    cursor_at: datetime  # what happened before then is here


def check_webhooks(watch: WebhookCheckContext) -> list[CheckFinding]:
    """Look at both vendors, put in what did not come, and write down why; never fails by a vendor."""
    findings = [_check(provider, watch) for provider in NAMES]
    silent = [f"{one.provider} {one.cause}" for one in watch.store.webhooks.silences()]
    findings.append(finding_of(CHECK, silent))
    watch.store.reconciliations.save(watch.dag_run_id, findings)
    return findings


def _check(provider: str, watch: WebhookCheckContext) -> CheckFinding:
    """Look at one vendor, and write down what was found."""
    webhooks = watch.store.webhooks
    look, gap, note = _look(provider, watch)
    found = silences_of(look)
    for one in found:
        log.warning("webhooks.silent", provider=provider, cause=one.cause, missing=one.missing)
    if not watch.limits.is_dry_run:
        goes_on = [one for one in webhooks.silences() if one.provider == provider]
        with watch.store.transaction():
            for one in found:
                webhooks.keep(one, now=look.at)
            webhooks.end(provider, over(look, goes_on, found), now=look.at)
            webhooks.save_check(
                WebhookCheck(provider=provider, cursor_at=gap.cursor_at, checked_at=look.at)
            )
            causes = {one.cause for one in (*found, *goes_on)}
            if look.counts and causes <= EXPLAINS_NOTHING:  # else it follows from the cause
                run, store = watch.dag_run_id, watch.store
                note_rises(provider, look.counts, dag_run_id=run, store=store, now=look.at)
    repaired = 0 if watch.limits.is_dry_run else len(gap.ids)
    return finding_of(
        MISSED[provider], gap.ids, looked_at=gap.looked_at, repaired=repaired, note=note
    )


def _look(
    provider: str, watch: WebhookCheckContext
) -> tuple[WebhookEvidence, WebhookGap, str | None]:
    """Return what is seen of a vendor's webhooks, what of it is missing, and a word on how it was."""
    now, store = watch.clock.now(), watch.store
    last = store.webhooks.check(provider)
    since = last.checked_at if last else now - FIRST_LOOK
    look = _at_home(provider, watch, now=now, since=since)
    gap = WebhookGap(cursor_at=last.cursor_at if last else now - FIRST_LOOK)
    breaker = store.breakers.get(provider)
    if breaker is not None and breaker.state is not BreakerState.CLOSED:
        return replace(look, is_asked=False), gap, f"{provider} is left alone"
    ask = _ask_stripe if provider == "stripe" else _ask_clerk
    try:
        look, gap = ask(watch, look, gap)
    except PermanentVendorError as error:
        return replace(look, refusal=str(error)), gap, str(error)
    except (VendorError, PayloadError) as error:
        return replace(look, is_asked=False), gap, str(error)
    return look, gap, _note(look)


def _at_home(
    provider: str, watch: WebhookCheckContext, *, now: datetime, since: datetime
) -> WebhookEvidence:
    """Return what our own tables tell."""
    store = watch.store
    delivered = store.webhooks.delivered(provider, since=since)
    mode = ("live" if watch.stripe.is_live else "test") if provider == "stripe" else None
    ours = [one for name, one in delivered.items() if mode in (None, name)]
    counts = counts_of(provider, mode=mode, store=store, now=now)
    explained = store.webhooks.explained_until(provider, but=EXPLAINS_NOTHING, now=now)
    return WebhookEvidence(
        provider=provider,
        at=now,
        since=since,
        wanted_payload=watch.settings.stripe_payload,
        refused={
            one.reason: one
            for one in store.rejections.read(since=since - CLOCK_OFF)
            if one.provider == provider
        },
        delivered=sum(one.count for one in ours),
        last_delivered_at=max((one.last_at for one in ours), default=None),
        other_mode=sum(one.count for one in delivered.values()) - sum(one.count for one in ours),
        has_history=store.webhooks.has_delivered(provider),
        counts=counts,
        absences=absences(
            counts, now=hour_of(now), explained=hour_of(explained) + 1 if explained else 0
        ),
    )


def _ask_stripe(
    watch: WebhookCheckContext, look: WebhookEvidence, gap: WebhookGap
) -> tuple[WebhookEvidence, WebhookGap]:
    theirs = watch.stripe.check("events")
    gap = _missed_events(watch, gap, until=look.at - ON_ITS_WAY)
    try:
        endpoints = watch.stripe.list_webhook_endpoints()
    except PermanentVendorError:  # a restricted key, which may read the events
        endpoints = None
    look = replace(
        look,
        endpoints=endpoints,
        answers=_answers_at([one.url for one in ours_of(endpoints or []) if one.is_enabled], watch),
        skew=look.at - theirs if theirs else None,
        missing=len(gap.ids),
        missing_since=gap.since,
    )
    return look, gap


def _missed_events(watch: WebhookCheckContext, gap: WebhookGap, *, until: datetime) -> WebhookGap:
    """Put in what Stripe has and the inbox has not, window by window, so that nothing is read twice."""
    store, now = watch.store, watch.clock.now()
    ids, looked_at, since, cursor = list[str](), 0, gap.since, gap.cursor_at
    while cursor < until and looked_at < MAX_EVENTS:
        end = min(cursor + WINDOW, until)
        events = watch.stripe.list_events(
            types=sorted(STRIPE_TYPES), since=cursor - OVERLAP, until=end, delivered=None
        )
        for part in batches(events, BATCH_SIZE):
            looked_at += len(part)
            gaps = gaps_in(part, store=store, now=now)
            ids += [one.event_id for one in gaps]
            times = [one.created_at for one in gaps if one.created_at]
            since = min([*times, *filter(None, [since])], default=None)
            if gaps and not watch.limits.is_dry_run:
                store.inbox.receive(gaps)
        cursor = end
        if not watch.limits.is_dry_run:
            store.webhooks.save_check(
                WebhookCheck(provider="stripe", cursor_at=cursor, checked_at=now)
            )
    return WebhookGap(ids=tuple(ids), since=since, looked_at=looked_at, cursor_at=cursor)


def _ask_clerk(
    watch: WebhookCheckContext, look: WebhookEvidence, gap: WebhookGap
) -> tuple[WebhookEvidence, WebhookGap]:
    theirs = watch.clerk.check()
    gap = _missed_users(watch, gap, until=look.at - ON_ITS_WAY)
    look = replace(
        look,
        answers=_answers_at(_clerks_addresses(watch), watch) if gap.ids else {},
        skew=look.at - theirs if theirs else None,
        missing=len(gap.ids),
        missing_since=gap.since,
    )
    return look, gap


def _missed_users(watch: WebhookCheckContext, gap: WebhookGap, *, until: datetime) -> WebhookGap:
    """Have those users read again whose change came by no webhook, and who differ from our tables.

    Clerk changes a user at each sign-in, too: that alone is no difference.
    """
    since, store, now = gap.cursor_at - OVERLAP, watch.store, watch.clock.now()
    changed = {
        f"clerk:{one.user.id}": one
        for one in watch.clerk.list_users_changed(since, most=MAX_USERS)
        if one.changed_at <= until
    }
    told = store.webhooks.last_told("clerk", changed, since=since - OVERLAP)
    untold = [
        one for key, one in changed.items() if key not in told or told[key] < one.changed_at - SKEW
    ]
    differing = users_that_differ(
        [one.user for one in untold], store, now, is_dry_run=watch.limits.is_dry_run
    )
    missed = {one.reread.id for one in differing}
    if not watch.limits.is_dry_run:
        have_read_again(differing, watch.dag_run_id, store=store, now=now)
    return WebhookGap(
        ids=tuple(sorted(missed)),
        since=min((one.changed_at for one in untold if one.user.id in missed), default=None),
        looked_at=len(changed),
        cursor_at=max(until, gap.cursor_at),
    )


def _clerks_addresses(watch: WebhookCheckContext) -> list[str]:
    """Return where Clerk probably sends to: nobody can ask it; where Stripe does, by another path."""
    try:
        endpoints = ours_of(watch.stripe.list_webhook_endpoints())
    except VendorError:
        return []
    return [
        urlunsplit(urlsplit(one.url)._replace(path="/webhooks/clerk"))
        for one in endpoints
        if one.is_enabled
    ]


def _answers_at(urls: Sequence[str], watch: WebhookCheckContext) -> dict[str, EndpointAnswer]:
    return {
        url: probe_endpoint(url, timeout_seconds=watch.settings.vendor_timeout_seconds)
        for url in dict.fromkeys(urls)
    }


def _note(look: WebhookEvidence) -> str | None:
    """Say how the endpoints are: which state, form and version."""
    return "; ".join(map(_in_words, ours_of(look.endpoints or []))) or None


def _in_words(endpoint: WebhookEndpoint) -> str:
    state = "enabled" if endpoint.is_enabled else "disabled"
    version = endpoint.api_version or "the account's version"
    return f"{state}, {endpoint.payload}, {version}, {len(endpoint.types)} types"
