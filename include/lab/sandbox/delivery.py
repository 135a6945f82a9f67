"""Webhooks on their way: signed and repeated as the vendor does, posted to the relay."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

from include.lab.sandbox.clock import machine_now
from include.lab.sandbox.outbox import OutboxEvent
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.vendor import WebhookDelivery
from include.lab.sandbox.world import World

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.5
GROWTH = 3
TIMEOUT = aiohttp.ClientTimeout(total=30)
KEEP_ALIVE_SECONDS = 2  # uvicorn closes after 5 idle ones: a webhook must not meet that
NO_ANSWER = 0


class NoSecretError(Exception):
    """The sandbox was started without the secret that this vendor's webhooks are signed with."""


@dataclass(slots=True)
class DeliveryReport:
    """What became of a round of deliveries; `answers` counts by status, "0" is no answer."""

    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the report as the control interface shows it."""
        return {
            "sent": self.sent,
            "answers": dict(self.answers),
            "seconds": round(self.seconds, 4),
        }


class WebhookSender:
    """Carries events from the outbox to the relay."""

    def __init__(self, world: World) -> None:
        """Listen to the outbox, for the times when events go out by themselves."""
        self.world = world
        self._session: aiohttp.ClientSession | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        world.outbox.on_new.append(self._on_new)

    async def close(self) -> None:
        """Stop what is under way and close the connections."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def require_secrets(self) -> None:
        """Raise NoSecretError unless every vendor that sends webhooks has a secret to sign with."""
        for vendor in self.world.vendors.values():
            if vendor.webhooks is not None:
                secrets_of(vendor.name, vendor.webhooks, self.world.settings)

    async def send(self, events: Iterable[OutboxEvent], *, concurrency: int) -> DeliveryReport:
        """Send each event once, starting them in the given order."""
        waiting = iter(list(events))
        report = DeliveryReport()
        begin = time.perf_counter()

        async def work() -> None:
            for event in waiting:
                status = await self.deliver(event)
                report.sent += 1
                report.answers[str(status)] += 1

        await asyncio.gather(*(work() for _ in range(max(1, concurrency))))
        report.seconds = time.perf_counter() - begin
        return report

    async def deliver(self, event: OutboxEvent) -> int:
        """Send an event once and return the relay's status, or 0 where no answer came."""
        webhooks = self._webhooks(event)
        headers = {"content-type": "application/json", **self._signed(webhooks, event)}
        event.attempts += 1
        status = await self.post(webhooks.path, event.payload, headers)
        event.delivered = event.delivered or is_success(status)
        return status

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post to the relay and return its status, or 0 where no answer came."""
        url = self.world.settings.relay_url.rstrip("/") + path
        try:
            async with self._client().post(url, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return NO_ANSWER

    def _webhooks(self, event: OutboxEvent) -> WebhookDelivery:
        webhooks = self.world.vendors[event.vendor].webhooks
        if webhooks is None:
            raise NoSecretError(f"{event.vendor} sends no webhooks")
        return webhooks

    def _signed(self, webhooks: WebhookDelivery, event: OutboxEvent) -> dict[str, str]:
        secrets = secrets_of(event.vendor, webhooks, self.world.settings)
        stamp = int(machine_now()) + self.world.switches.signing_skew_seconds
        return webhooks.headers(event.id, event.payload, secrets, stamp)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
            self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT)
        return self._session

    def _on_new(self, event: OutboxEvent) -> None:
        if self.world.switches.auto_deliver and event.is_wanted:
            task = asyncio.get_running_loop().create_task(self._deliver_in_the_end(event))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _deliver_in_the_end(self, event: OutboxEvent) -> None:
        """Send an event until it is taken, as often as vendors do, or until a reset forgets it."""
        pause = FIRST_PAUSE_SECONDS
        for _ in range(ATTEMPTS):
            if event.delivered or self.world.outbox.get(event.id) is not event:
                return
            await self.deliver(event)
            await asyncio.sleep(pause)
            pause *= GROWTH


def secrets_of(vendor: str, webhooks: WebhookDelivery, settings: SandboxSettings) -> list[str]:
    """Return what a vendor signs with, or raise NoSecretError."""
    secrets = webhooks.secrets(settings)
    if not secrets:
        raise NoSecretError(f"set OPS_SANDBOX_{vendor.upper()}_WEBHOOK_SECRETS")
    return [one.get_secret_value() for one in secrets]


def is_success(status: int) -> bool:
    """Is this status one that the vendor takes for delivered."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def arranged(
    events: list[OutboxEvent], *, duplicates: int, shuffled: bool, seed: int
) -> list[OutboxEvent]:
    """Return the events with so many extra copies of each, in order or shuffled by a seed."""
    copies = [event for event in events for _ in range(1 + duplicates)]
    if shuffled:
        random.Random(seed).shuffle(copies)  # noqa: S311 - chance for tests, not for secrets
    return copies
