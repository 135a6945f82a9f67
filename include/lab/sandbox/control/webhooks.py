"""Routes about events and their delivery."""

from secrets import token_hex

import orjson
from fastapi import APIRouter, HTTPException

from include.lab.sandbox.clock import machine_now
from include.lab.sandbox.control.wishes import (
    GONE,
    DeliveriesWish,
    DeliveryRequest,
    Json,
    PressWish,
    SendWish,
)
from include.lab.sandbox.delivery import NoSecretError, WebhookSender, arranged
from include.lab.sandbox.outbox import OutboxEvent
from include.lab.sandbox.slack import presses
from include.lab.sandbox.slack.state import SlackState
from include.lab.sandbox.world import World


def webhook_routes(world: World, courier: WebhookSender) -> APIRouter:
    """Return the routes about events and their delivery."""
    router = APIRouter(tags=["webhooks"])

    @router.get("/webhooks")
    async def outbox(*, payloads: bool = False) -> Json:
        """Show the events, oldest first."""
        return {"events": [event.as_json(with_payload=payloads) for event in world.outbox]}

    @router.post("/webhooks")
    async def add(wish: DeliveriesWish) -> Json:
        """Put events into the outbox that no state change made."""
        events = [event_from(delivery, world.clock.seconds()) for delivery in wish.deliveries]
        for event in events:
            world.outbox.add(event)
        return {"events": [event.id for event in events]}

    @router.post("/webhooks/send")
    async def send(wish: SendWish) -> Json:
        """Sign events and post them to the relay."""
        events = chosen(world, wish)
        copies = arranged(
            events,
            duplicates=wish.duplicates,
            shuffled=wish.order == "shuffled",
            seed=wish.seed,
        )
        report = await courier.send(copies, concurrency=wish.concurrency)
        return report.as_json()

    @router.post("/slack/press")
    async def press(wish: PressWish) -> Json:
        """Let somebody press a button in Slack; return what the relay answered: unless it is 200, Slack warns her."""
        secret = world.settings.slack_signing_secret
        if secret is None:
            raise NoSecretError("set OPS_SANDBOX_SLACK_SIGNING_SECRET")
        body = pressed(world.state(SlackState), wish)
        stamp = int(machine_now()) + world.switches.signing_skew_seconds
        signed = presses.headers(body, secret.get_secret_value(), stamp)
        return {"status": await courier.post(presses.PATH, body, signed)}

    return router


def chosen(world: World, wish: SendWish) -> list[OutboxEvent]:
    """Return the events that a wish names, in its order; all unsent ones oldest first."""
    if wish.all_unsent:
        return [event for event in world.outbox if event.is_wanted and not event.delivered]
    events = [world.outbox.get(event_id) for event_id in wish.events or []]
    if None in events:
        raise HTTPException(GONE, "no such event")
    return [event for event in events if event is not None]


def pressed(state: SlackState, wish: PressWish) -> bytes:
    """Return what Slack posts of a press."""
    message = state.messages.find(wish.channel, wish.ts)
    button = presses.button_of(message, wish.button) if message else None
    by = state.people.by_id.get(wish.user)
    if message is None or button is None or by is None:
        raise HTTPException(GONE, "no such message, button or person")
    channel = state.channels.by_id[wish.channel]
    return presses.body_of(message, channel, button, by, machine_now())


def event_from(delivery: DeliveryRequest, now: int) -> OutboxEvent:
    """Return an event with the exact bytes to send; its id is the payload's where it has one."""
    payload = delivery.payload or {}
    body = delivery.body.encode() if delivery.body is not None else orjson.dumps(payload)
    in_payload = str(payload["id"]) if delivery.vendor == "stripe" and "id" in payload else None
    event_id = delivery.id or in_payload or f"msg_{token_hex(14)}"
    kind = str(payload.get("type", "unknown"))
    return OutboxEvent(
        id=event_id, vendor=delivery.vendor, type=kind, created=now, payload=body, by_hand=True
    )
