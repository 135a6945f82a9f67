"""`ops probe VENDOR`: try one that is left alone at once; `ops probe webhooks URL`: try the way that webhooks take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from include.clock import SystemClock
from include.errors import ActRefusedError, CommandError
from include.failures.breakers import VENDORS, probe_now
from include.operate.deployment import chosen
from include.operate.terminal import say
from include.operate.webhook_probe import probes_of, send
from include.relay.health_issue import counted, wait
from include.store.breakers import BreakerState
from include.store.metrics import open_breakers

if TYPE_CHECKING:
    from include.store import Store
    from include.store.breakers import Breaker

LOOK_SECONDS = 0.25
WEBHOOKS = "webhooks"


def command(
    vendor: Annotated[
        str, typer.Argument(metavar="VENDOR", help=f"One of {', '.join((*VENDORS, WEBHOOKS))}.")
    ],
    url: Annotated[
        str | None,
        typer.Argument(metavar="[URL]", help="With webhooks: the address that vendors send to."),
    ] = None,
    *,
    wait_seconds: Annotated[
        int, typer.Option("--wait", min=1, help="How many seconds to wait for what comes of it.")
    ] = 60,
) -> None:
    """Try a vendor that is left alone now, by a run with what waits for it; 1 unless it answers.

    With webhooks and a URL: send a signed event of our own there and follow it to its row; 1 unless it is stored.
    """
    if vendor == WEBHOOKS:
        probe_webhooks(url, seconds=wait_seconds)
        return
    if url is not None:
        raise CommandError(f"an address goes with webhooks, not with {vendor}")
    if vendor not in VENDORS:
        raise CommandError(
            f"no vendor {vendor!r} is ever left alone: there are {', '.join(VENDORS)}"
        )
    with chosen().store() as store:
        now = SystemClock().now()
        try:
            before = probe_now(vendor, store=store, now=now)
        except ActRefusedError as error:
            raise CommandError(str(error)) from None
        if before is None or before.state is BreakerState.CLOSED:
            say(f"ops: {vendor} is called as usual: there is nothing to try")
            return
        rows = sum(one.row_count for one in open_breakers(store, now=now) if one.vendor == vendor)
        if not rows and before.state is BreakerState.OPEN:
            raise CommandError(f"nobody waits for {vendor}: the next event that needs it tries it")
        say(f"ops: {wait(rows, 'row')} for {vendor}, and the next run tries it with one of them")
        after = outcome(store, before, seconds=wait_seconds)
    if after.state is not BreakerState.CLOSED:
        again = f"{after.probe_at:%H:%M:%S} UTC" if after.probe_at else "once"
        raise CommandError(
            f"{vendor} does not answer ({after.reason}): it is tried again at {again}"
        )
    say(f"ops: {vendor} answers again: {counted(rows, 'row')} go on")


def probe_webhooks(url: str | None, *, seconds: float) -> None:
    """Send one event per vendor and secret, and say what came of each; raise CommandError at the first that is lost."""
    if url is None:
        raise CommandError("say which address vendors send to: probe webhooks https://HOST")
    deployment = chosen()
    probes = probes_of(deployment, url)
    with deployment.store() as store:
        for probe in probes:
            say(f"ops: {send(probe, store, seconds=seconds)}")


def outcome(store: Store, before: Breaker, *, seconds: float) -> Breaker:
    """Return how it stands once a run has tried the vendor; raise CommandError where none does in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = store.breakers.get(before.vendor)
        if now and (now.state is BreakerState.CLOSED or now.openings > before.openings):
            return now
        time.sleep(LOOK_SECONDS)
    raise CommandError(
        f"no run has tried {before.vendor} within {seconds:.0f} s: `status` says whether runs are started"
    )
