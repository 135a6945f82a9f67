"""`/_sandbox`: everything a test, the demo or a person may ask of the sandbox itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson
from fastapi import FastAPI
from fastapi.requests import Request
from fastapi.responses import JSONResponse

from include.lab.sandbox.control.records import record_routes
from include.lab.sandbox.control.webhooks import webhook_routes
from include.lab.sandbox.control.world import people_routes, world_routes
from include.lab.sandbox.delivery import NoSecretError, WebhookSender
from include.lab.sandbox.mail.routes import mail_server
from include.lab.sandbox.statsd.routes import statsd_server
from include.lab.sandbox.stories import StoryError
from include.lab.sandbox.wire import Refusal
from include.lab.sandbox.world import World

if TYPE_CHECKING:
    from include.lab.sandbox.contracts import Contracts


def create_control(world: World, contracts: "Contracts | None") -> FastAPI:
    """Return the application under `/_sandbox`."""
    courier = WebhookSender(world)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with mail_server(world), statsd_server(world):
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
    app.include_router(world_routes(world, contracts, courier), prefix="/_sandbox")
    app.include_router(people_routes(world), prefix="/_sandbox")
    app.include_router(record_routes(world), prefix="/_sandbox")
    app.include_router(webhook_routes(world, courier), prefix="/_sandbox")
    return app


async def show_refusal(_request: Request, refusal: Exception) -> JSONResponse:
    """Show the vendor's answer where a story met a refusal."""
    answer = refusal.answer if isinstance(refusal, Refusal) else None
    detail = orjson.loads(answer.body) if answer is not None else {}
    return JSONResponse({"refused": detail}, status_code=409)


async def show_problem(_request: Request, error: Exception) -> JSONResponse:
    """Show what is missing."""
    return JSONResponse({"detail": str(error)}, status_code=409)
