"""The relay's HTTP side: `/webhooks/stripe`, `/webhooks/clerk`; `/healthz`, `/readyz`, `/health/jobs`, `/metrics`.

Where a signing secret of Slack's is set, also `/webhooks/slack`: buttons that are pressed there.

An event is answered 200 once it is committed. 400 and 4xx: not the vendor's, or not usable, ever. 503: not
now; the vendor sends it again. Starlette without FastAPI: there is nothing to validate but bytes, and it
spares 11 MiB.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from include.airflow_api.client import AirflowClient
from include.clock import SystemClock
from include.relay.database import Connect, KeptSession
from include.relay.deactivations import DeactivationScheduler
from include.relay.dispatch_loop import DispatchLoop
from include.relay.dispatcher import Dispatcher
from include.relay.exposition import CONTENT_TYPE
from include.relay.health import ReadinessProbe
from include.relay.health_monitor import HealthMonitor
from include.relay.intake import Intake
from include.relay.metrics import RelayMetrics
from include.relay.presses import Presses
from include.relay.rejections import RejectionCounter
from include.relay.signatures.slack import SlackSignature
from include.relay.signatures.stripe import StripeSignature
from include.relay.signatures.svix import SvixSignature
from include.relay.writer import InboxWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from include.clock import Clock
    from include.relay.dispatch_loop import Starter
    from include.relay.signatures import Signature
    from include.settings import Settings

log = structlog.get_logger("relay")

CHANNELS = {"dispatcher": "ops_inbox", "deactivations": "ops_deactivations"}
"""What the database notifies when one of the relay's loops has something to do."""


def create_app(settings: Settings, *, clock: Clock | None = None) -> Starlette:
    """Wire the relay; nothing is connected or started before the server starts it."""
    return Relay(settings, clock=clock or SystemClock()).app()


class Relay:
    """The relay's parts and their common life."""

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        """Make the parts."""
        seconds = settings.store_timeout_seconds
        connect = Connect(settings.database_url, seconds)
        rejections = RejectionCounter()
        self._sessions = [_airflow_session(settings) for _ in range(2)]  # each for one thread
        starters: dict[str, Starter] = {
            "dispatcher": Dispatcher(airflow=self._sessions[0], clock=clock, settings=settings),
            "deactivations": DeactivationScheduler(
                airflow=self._sessions[1], clock=clock, settings=settings
            ),
        }
        self._loops = {
            name: DispatchLoop(
                starter, name=name, channel=CHANNELS[name], connect=connect, clock=clock
            )
            for name, starter in starters.items()
        }
        self._writer = InboxWriter(
            connect, rejections=rejections, clock=clock, timeout_seconds=seconds
        )
        self._session = KeptSession(connect)
        self._health = ReadinessProbe(
            self._session,
            writer=self._writer,
            loops=self._loops,
            clock=clock,
            timeout_seconds=seconds,
        )
        self._watch = HealthMonitor(settings, connect=connect, clock=clock)
        self._read_metrics = RelayMetrics(
            connect, watch=self._watch, clock=clock, timeout_seconds=seconds
        )
        self._intake = Intake(
            _signatures(settings),
            writer=self._writer,
            rejections=rejections,
            clock=clock,
            settings=settings,
        )
        self._takes_presses = bool(settings.slack_signing_secrets)
        self._presses = Presses(self._session, operators=settings.slack_operators, clock=clock)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route("/webhooks/stripe", partial(self._intake.receive, "stripe"), methods=["POST"]),
            Route("/webhooks/clerk", partial(self._intake.receive, "clerk"), methods=["POST"]),
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/health/jobs", self._health_jobs),
            Route("/metrics", self._metrics),
        ]
        if self._takes_presses:
            take = partial(self._intake.verified, "slack", self._presses.take)
            routes.append(Route("/webhooks/slack", take, methods=["POST"]))
        handlers = {HTTPException: _refuse}
        app = Starlette(routes=routes, lifespan=self._lifespan, exception_handlers=handlers)
        app.state.is_leaving = False
        return app

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._writer.start()
        for loop in self._loops.values():
            loop.start()
        self._watch.start()
        log.info("relay.started")
        yield
        stops = [self._writer.stop, self._watch.stop]
        stops += [loop.stop for loop in self._loops.values()]
        await asyncio.gather(*(asyncio.to_thread(stop) for stop in stops))
        for session in self._sessions:
            session.close()
        self._session.close()
        log.info("relay.stopped")

    async def _healthz(self, _request: Request) -> Response:
        """Say that the process is alive."""
        return JSONResponse({"alive": True})

    async def _readyz(self, request: Request) -> Response:
        """Say whether an event could be stored now, and what waits."""
        if request.app.state.is_leaving:
            return JSONResponse({"ready": False, "leaving": True}, status_code=503)
        readiness = await self._health.readiness()
        return JSONResponse(readiness, status_code=200 if readiness["ready"] else 503)

    async def _health_jobs(self, _request: Request) -> Response:
        """Say how the jobs are, and why; always 200: the answer is the news, not the status."""
        return JSONResponse(await self._read_metrics.health())

    async def _metrics(self, _request: Request) -> Response:
        """Give the numbers to Prometheus; 503 lets it know that there are none."""
        text = await self._read_metrics.metrics()
        status = 200 if text is not None else 503
        return Response(text, status_code=status, media_type=CONTENT_TYPE)


def _airflow_session(settings: Settings) -> AirflowClient:
    return AirflowClient(
        url=settings.airflow_url,
        username=settings.airflow_username,
        password=settings.airflow_password,
    )


def _refuse(_request: Request, error: Exception) -> Response:
    """Answer an unknown path or method as short as everything else."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"error": HTTPStatus(status).phrase.lower()}, status_code=status)


def _signatures(settings: Settings) -> dict[str, Signature]:
    tolerance = settings.signature_tolerance_seconds
    stripe = [secret.get_secret_value() for secret in settings.stripe_webhook_secrets]
    clerk = [secret.get_secret_value() for secret in settings.clerk_webhook_secrets]
    slack = [secret.get_secret_value() for secret in settings.slack_signing_secrets]
    for provider, secrets in (("stripe", stripe), ("clerk", clerk)):
        if not secrets:
            log.warning("webhooks.refused", provider=provider, reason="no secret is set")
    return {
        "stripe": StripeSignature(stripe, tolerance_seconds=tolerance),
        "clerk": SvixSignature(clerk, tolerance_seconds=tolerance),
        "slack": SlackSignature(slack, tolerance_seconds=tolerance),
    }
