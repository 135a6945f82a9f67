"""Routes about what was asked of the vendors, and about faults."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from include.lab.sandbox.control.wishes import GONE, FaultWish, Json
from include.lab.sandbox.world import World


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
