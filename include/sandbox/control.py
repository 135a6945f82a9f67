"""`/_sandbox`: everything a test, the demo or a person may ask of the sandbox itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from secrets import token_hex
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, FastAPI, HTTPException, Query
from fastapi.requests import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from include.sandbox.contracts import Contracts
from include.sandbox.delivery import Courier, NoSecretError, arranged
from include.sandbox.faults import Kind
from include.sandbox.outbox import Event
from include.sandbox.seed import seed_members
from include.sandbox.stories import AnyStory, StoryError
from include.sandbox.stripe import billing
from include.sandbox.stripe.state import StripeState
from include.sandbox.vendor import StripeShape
from include.sandbox.wire import Refusal
from include.sandbox.world import World

Json = dict[str, Any]
GONE = 404


class Wish(BaseModel):
    """A request's body; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class SeedWish(Wish):
    """Whom to make."""

    members: int = Field(ge=0, le=100_000)
    subscribed: bool = True
    seed: int = 1
    prefix: str = Field(default="member", pattern=r"^[A-Za-z0-9._+-]+$")
    in_mailchimp: bool = False


class SettingsWish(Wish):
    """What to change of the switches."""

    stripe_shape: StripeShape | None = None
    auto_deliver: bool | None = None
    service_seconds: dict[str, float] | None = None


class FaultWish(Wish):
    """Which calls to hit, how, and how often: the next `times`, a `share` of them, or all."""

    vendor: str
    kind: Kind
    method: str | None = None
    path: str = "*"
    status: int = Field(default=500, ge=100, le=599)
    body: Any = None
    content_type: str | None = None
    headers: dict[str, str] = {}
    seconds: float = Field(default=0.0, ge=0)
    times: int | None = Field(default=None, ge=1)
    share: float | None = Field(default=None, gt=0, le=1)
    seed: int = 0


class Delivery(Wish):
    """An event that no state change made; a `body` goes out byte for byte as it is written."""

    vendor: Literal["stripe", "clerk"]
    payload: Json | None = None
    body: str | None = None
    id: str | None = None


class DeliveriesWish(Wish):
    """Events to put into the outbox."""

    deliveries: list[Delivery]


class SendWish(Wish):
    """Which events to send, in which order, and how many extra copies of each."""

    events: list[str] | None = None
    all_unsent: bool = False
    order: Literal["in_order", "shuffled"] = "in_order"
    duplicates: int = Field(default=0, ge=0)
    seed: int = 0
    concurrency: int = Field(default=1, ge=1, le=1000)


class ClockWish(Wish):
    """How far to move the vendors' time."""

    advance_seconds: float = Field(ge=0)


def create_control(world: World, contracts: Contracts | None) -> FastAPI:
    """Return the application under `/_sandbox`."""
    courier = Courier(world)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await courier.close()

    app = FastAPI(
        title="The sandbox's control interface",
        docs_url="/_sandbox/docs",
        openapi_url="/_sandbox/openapi.json",
        lifespan=lifespan,
    )
    app.add_exception_handler(Refusal, show_refusal)
    app.add_exception_handler(StoryError, show_problem)
    app.add_exception_handler(NoSecretError, show_problem)
    app.include_router(world_routes(world, contracts), prefix="/_sandbox")
    app.include_router(record_routes(world), prefix="/_sandbox")
    app.include_router(webhook_routes(world, courier), prefix="/_sandbox")
    return app


async def show_refusal(_request: Request, refusal: Exception) -> JSONResponse:
    """A story met a vendor's refusal: show the vendor's answer."""
    answer = refusal.answer if isinstance(refusal, Refusal) else None
    detail = orjson.loads(answer.body) if answer is not None else {}
    return JSONResponse({"refused": detail}, status_code=409)


async def show_problem(_request: Request, error: Exception) -> JSONResponse:
    """Show what is missing."""
    return JSONResponse({"detail": str(error)}, status_code=409)


def world_routes(world: World, contracts: Contracts | None) -> APIRouter:
    """Return the routes that change or show the vendors' states."""
    router = APIRouter(tags=["world"])

    @router.get("/healthz")
    async def healthz() -> Json:
        """Say that the sandbox is there, and for whom it stands in."""
        return {"ok": True, "vendors": sorted(world.vendors)}

    @router.post("/reset")
    async def reset() -> Json:
        """Forget everything; what remains are the default list, price list and journey."""
        world.reset()
        if contracts is not None:
            contracts.clear()
        return {"ok": True}

    @router.get("/settings")
    async def settings() -> Json:
        """Show the switches."""
        return asdict(world.switches)

    @router.patch("/settings")
    async def change_settings(wish: SettingsWish) -> Json:
        """Change some switches."""
        for name, value in wish.model_dump(exclude_none=True).items():
            setattr(world.switches, name, value)
        return asdict(world.switches)

    @router.post("/clock")
    async def move_clock(wish: ClockWish) -> Json:
        """Let time pass for the vendors: what falls due on the way happens."""
        mark = len(world.outbox)
        world.clock.offset_seconds += wish.advance_seconds
        billing.settle(world.state(StripeState))
        events = [event.id for event in world.outbox.since(mark)]
        return {"now": world.clock.seconds(), "events": events}

    @router.post("/seed")
    async def seed(wish: SeedWish) -> Json:
        """Make members whom the vendors know already; no webhook tells of them."""
        members = seed_members(
            world,
            wish.members,
            subscribed=wish.subscribed,
            seed=wish.seed,
            prefix=wish.prefix,
            in_mailchimp=wish.in_mailchimp,
        )
        return {"members": [member.as_json() for member in members]}

    @router.post("/act")
    async def act(story: Annotated[AnyStory, Body()]) -> Json:
        """Play a story; returns the ids it touched and the events that came of it."""
        mark = len(world.outbox)
        ids = story.play(world)
        events = [event.as_json() for event in world.outbox.since(mark)]
        return {**ids, "events": [event["id"] for event in events], "made": events}

    @router.get("/state/{vendor}")
    async def state(vendor: str, email: str | None = None, id: str | None = None) -> Json:  # noqa: A002
        """Show a vendor's state, all of it or what belongs to one address or id."""
        if vendor not in world.states:
            raise HTTPException(GONE, "no such vendor")
        return dict(world.states[vendor].dump(email or id))

    @router.get("/violations")
    async def violations() -> Json:
        """Show where a request or an answer did not fit the vendor's description."""
        found = contracts.violations if contracts is not None else []
        return {"checked": contracts is not None, "count": len(found), "violations": found}

    return router


def record_routes(world: World) -> APIRouter:
    """Return the routes about calls and faults."""
    router = APIRouter(tags=["calls and faults"])

    @router.get("/calls")
    async def calls(
        vendor: str | None = None,
        method: str | None = None,
        path: str = "*",
        status: int | None = None,
        limit: Annotated[int, Query(ge=0)] = 1000,
    ) -> Json:
        """Count and show the calls that fit; `path` is a glob over the vendor's own paths."""
        found = world.calls.select(vendor=vendor, method=method, path=path, status=status)
        return {
            "count": len(found),
            "highest_at_once": world.calls.highest_at_once,
            "calls": [entry.as_json() for entry in found[-limit:]] if limit else [],
        }

    @router.delete("/calls")
    async def forget_calls() -> Json:
        """Forget the calls and the highest number at once."""
        world.calls.clear()
        return {"ok": True}

    @router.post("/faults")
    async def order_fault(wish: FaultWish) -> Json:
        """Order a fault."""
        if wish.vendor not in world.vendors:
            raise HTTPException(GONE, "no such vendor")
        return world.faults.order(**wish.model_dump()).as_json()

    @router.get("/faults")
    async def faults() -> Json:
        """Show the faults, each with how often it fired."""
        return {"faults": [fault.as_json() for fault in world.faults]}

    @router.delete("/faults")
    async def clear_faults() -> Json:
        """Take all faults away."""
        world.faults.clear()
        return {"ok": True}

    @router.delete("/faults/{fault_id}")
    async def remove_fault(fault_id: str) -> Json:
        """Take one fault away."""
        if not world.faults.remove(fault_id):
            raise HTTPException(GONE, "no such fault")
        return {"ok": True}

    return router


def webhook_routes(world: World, courier: Courier) -> APIRouter:
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

    return router


def chosen(world: World, wish: SendWish) -> list[Event]:
    """Return the events that a wish names, in its order; all unsent ones oldest first."""
    if wish.all_unsent:
        return [event for event in world.outbox if not event.delivered]
    events = [world.outbox.get(event_id) for event_id in wish.events or []]
    if None in events:
        raise HTTPException(GONE, "no such event")
    return [event for event in events if event is not None]


def event_from(delivery: Delivery, now: int) -> Event:
    """Return an event with the exact bytes to send; its id is the payload's where it has one."""
    payload = delivery.payload or {}
    body = delivery.body.encode() if delivery.body is not None else orjson.dumps(payload)
    in_payload = str(payload["id"]) if delivery.vendor == "stripe" and "id" in payload else None
    event_id = delivery.id or in_payload or f"msg_{token_hex(14)}"
    kind = str(payload.get("type", "unknown"))
    return Event(id=event_id, vendor=delivery.vendor, type=kind, created=now, payload=body)
