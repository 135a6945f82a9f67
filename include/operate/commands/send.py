"""`./ops send stripe|clerk FILE`: sign a payload as the vendor does and post it to the relay."""

from __future__ import annotations

import json
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx
import typer

from include.clock import SystemClock
from include.errors import CommandError
from include.operate import webhooks
from include.operate.deployment import chosen
from include.operate.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.operate.deployment import Deployment

FEWEST_ERRORS = 400
LARGEST_COUNT = 10_000


class Provider(StrEnum):
    """Who sends webhooks."""

    STRIPE = "stripe"
    CLERK = "clerk"


def command(
    provider: Annotated[Provider, typer.Argument(help="Who it comes from.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The payload; - reads it from the input.")
    ],
    *,
    count: Annotated[int, typer.Option(min=1, max=LARGEST_COUNT, help="How many copies.")] = 1,
    same_id: Annotated[
        bool,
        typer.Option("--same-id", help="Copies keep the event's id, as a second delivery does."),
    ] = False,
) -> None:
    """Sign a payload and post it to the relay."""
    raw = read(file)
    webhooks.event_from(raw)
    deployment = chosen()
    relay, secret = ready_to_send(deployment, provider)
    worst = 0
    with httpx.Client(base_url=relay, timeout=30, trust_env=False) as client:
        for number, (event_id, body) in enumerate(copies(provider, raw, count, same_id=same_id), 1):
            status, seconds, answer = post(client, provider, event_id, body, secret=secret)
            say(f"{number} {event_id}: {status} in {seconds * 1000:.0f} ms {answer}")
            worst = max(worst, status)
    if worst >= FEWEST_ERRORS:
        raise typer.Exit(1)


def ready_to_send(deployment: Deployment, provider: Provider) -> tuple[str, str]:
    """Return a relay's address and the vendor's secret; raise CommandError where one is not known."""
    is_stripe = provider is Provider.STRIPE
    secrets = deployment.stripe_webhook_secrets if is_stripe else deployment.clerk_webhook_secrets
    if not deployment.relay_urls:
        raise CommandError("no relay is known: set OPS_RELAY_URLS, or relay_urls in the profile")
    if not secrets:
        name = f"{provider}_webhook_secrets"
        raise CommandError(f"no secret is known: set OPS_{name.upper()}, or {name} in the profile")
    return deployment.relay_urls[0], secrets[0].get_secret_value()


def read(file: str) -> bytes:
    """Return the bytes of the payload."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from error


def copies(provider: str, raw: bytes, count: int, *, same_id: bool) -> Iterator[tuple[str, bytes]]:
    """Yield event id and body of each copy; the first is the file as it is, byte for byte."""
    event = webhooks.event_from(raw)
    own_id = event.get("id") if provider == Provider.STRIPE else None
    first = own_id if isinstance(own_id, str) and own_id else webhooks.fresh_event_id(provider)
    yield first, raw
    for _ in range(count - 1):
        if same_id:
            yield first, raw
        elif provider == Provider.STRIPE:
            event_id = webhooks.fresh_event_id(provider)
            yield event_id, json.dumps({**event, "id": event_id}).encode()
        else:
            yield webhooks.fresh_event_id(provider), raw


def post(
    client: httpx.Client, provider: str, event_id: str, body: bytes, *, secret: str
) -> tuple[int, float, str]:
    """Post one copy and return status, seconds and the answer's text."""
    request = webhooks.sign(
        provider, body, secret=secret, event_id=event_id, now=SystemClock().now()
    )
    begun = time.perf_counter()
    try:
        answer = client.post(request.path, content=request.body, headers=request.headers)
    except httpx.HTTPError as error:
        raise CommandError(f"the relay does not answer ({type(error).__name__})") from error
    return answer.status_code, time.perf_counter() - begun, answer.text.strip()
