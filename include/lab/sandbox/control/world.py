"""Routes that change or show the vendors' states."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, HTTPException

from include.lab.sandbox.control.wishes import GONE, ClockWish, Json, SettingsWish
from include.lab.sandbox.delivery import WebhookSender
from include.lab.sandbox.seed import SeedWish, seed_members
from include.lab.sandbox.stories import AnyStory
from include.lab.sandbox.stripe import billing
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.world import World

if TYPE_CHECKING:
    from include.lab.sandbox.contracts import Contracts


def world_routes(world: World, contracts: "Contracts | None", courier: WebhookSender) -> APIRouter:
    """Return the routes that change or show the vendors' states."""
    router = APIRouter(tags=["world"])

    @router.get("/healthz")
    async def healthz() -> Json:
        """Say that the sandbox is there, for whom it stands in, and where what is no HTTP listens."""
        return {"ok": True, "vendors": sorted(world.vendors), "ports": world.ports}

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
        """Change some switches; events can only go out by themselves where both secrets are set."""
        if wish.auto_deliver:
            courier.require_secrets()
        for name, value in wish.model_dump(exclude_none=True).items():
            setattr(world.switches, name, value)
        return asdict(world.switches)

    @router.get("/violations")
    async def violations() -> Json:
        """Show where a request or an answer did not fit the vendor's description."""
        found = contracts.violations if contracts is not None else []
        return {"checked": contracts is not None, "count": len(found), "violations": list(found)}

    return router


def pass_time(world: World, seconds: float) -> None:
    """Let time pass from one moment at which something falls due to the next, so that each has its own date."""
    stripe = world.state(StripeState)
    start, offset = world.clock.now(), world.clock.offset_seconds
    while (due := billing.next_due(stripe)) is not None and due <= start + seconds:
        world.clock.offset_seconds = offset + max(0.0, due - start)
        billing.settle(stripe)
    world.clock.offset_seconds = offset + seconds
    billing.settle(stripe)


def people_routes(world: World) -> APIRouter:
    """Return the routes about time and about people."""
    router = APIRouter(tags=["people"])

    @router.post("/clock")
    async def move_clock(wish: ClockWish) -> Json:
        """Let time pass for the vendors: what falls due on the way happens."""
        mark = len(world.outbox)
        pass_time(world, wish.advance_seconds)
        events = [event.id for event in world.outbox.since(mark)]
        return {"now": world.clock.seconds(), "events": events}

    @router.post("/seed")
    async def seed(wish: SeedWish) -> Json:
        """Make members whom the vendors know already; no webhook tells of them."""
        members = seed_members(world, wish)
        return {"members": [member.as_json() for member in members]}

    for vendor in world.vendors.values():
        _add_seed(router, world, vendor)

    @router.post("/act")
    async def act(story: Annotated[AnyStory, Body()]) -> Json:
        """Play a story; returns the ids it touched and the events that came of it."""
        mark = len(world.outbox)
        with world.clock.ago(story.seconds_ago):
            ids = story.play(world)
        events = [event.as_json() for event in world.outbox.since(mark)]
        return {**ids, "events": [event["id"] for event in events], "made": events}

    @router.get("/state/{vendor}")
    async def state(
        vendor: str,
        email: str | None = None,
        id: str | None = None,  # noqa: A002 - the name in the query
    ) -> Json:
        """Show a vendor's state, all of it or what belongs to one address or id."""
        if vendor not in world.states:
            raise HTTPException(GONE, "no such vendor")
        return dict(world.states[vendor].dump(email or id))

    return router


def _add_seed(router: APIRouter, world: World, vendor: Vendor) -> None:
    """Add the route that fills a vendor's state, where it has one: the body is as its package says."""
    if vendor.seed is None:
        return
    kind, plant = vendor.seed

    async def seed(wish: Any) -> Json:
        return plant(world.states[vendor.name], wish)

    seed.__annotations__["wish"] = kind
    router.post(f"/seed/{vendor.name}", description=plant.__doc__)(seed)
