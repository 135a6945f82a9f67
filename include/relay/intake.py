"""One webhook's way: read, verify, store, and only then answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from starlette.responses import JSONResponse, Response

from include.errors import PayloadError, SignatureError, StoreUnavailableError
from include.relay.body import Budget, read_body
from include.relay.envelope import arrival_from
from include.relay.refusal import RefusalError
from include.store.inbox import Receipt
from include.store.rejections import AGAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from include.clock import Clock
    from include.relay.rejections import RejectionCounter
    from include.relay.signatures import Signature
    from include.relay.writer import Writer
    from include.settings import Settings
    from include.store.inbox import Arrival

log = structlog.get_logger("relay.intake")

ANSWERS = {
    Receipt.STORED: b'{"duplicate":false}',
    Receipt.DUPLICATE: b'{"duplicate":true}',
    Receipt.CONFLICT: b'{"duplicate":true,"conflict":true}',
}


class Intake:
    """Takes the vendors' webhooks in."""

    def __init__(
        self,
        signatures: Mapping[str, Signature],
        *,
        writer: Writer,
        rejections: RejectionCounter,
        clock: Clock,
        settings: Settings,
    ) -> None:
        """Verify with the provider's signature, store with `writer`."""
        self._signatures = signatures
        self._writer = writer
        self._rejections = rejections
        self._clock = clock
        self._settings = settings
        self._budget = Budget()

    async def receive(self, provider: str, request: Request) -> Response:
        """Answer 200 if the event is stored, 4xx if it never will be, 503 if it should come again."""
        try:
            return await self._receive(provider, request)
        except RefusalError as error:
            return self._refuse(provider, error.status, str(error))
        except (SignatureError, PayloadError) as error:
            return self._refuse(provider, 400, str(error))
        except StoreUnavailableError as error:
            return _answer(503, str(error))

    async def _receive(self, provider: str, request: Request) -> Response:
        with self._budget.lease() as lease:
            body = await read_body(request, limit=self._settings.body_limit_bytes, lease=lease)
            arrival = self._arrival_from(provider, body, request)
            receipt = await self._writer.write(arrival)
        if receipt is Receipt.DUPLICATE:
            self._rejections.add(provider, AGAIN)
        if receipt is Receipt.CONFLICT:
            log.warning("inbox.conflict", provider=provider, event_id=arrival.event_id)
        return Response(ANSWERS[receipt], media_type="application/json")

    def _arrival_from(self, provider: str, body: bytes, request: Request) -> Arrival:
        """Verify the raw bytes; nothing is looked at before."""
        headers, now = _joined(request), self._clock.now()
        self._signatures[provider].verify(body, headers, now=now)
        mode = self._settings.clerk_mode
        return arrival_from(provider, body, headers, now=now, clerk_mode=mode)

    def _refuse(self, provider: str, status: int, reason: str) -> Response:
        self._rejections.add(provider, reason)
        return _answer(status, reason)


def _answer(status: int, error: str) -> Response:
    """Answer in short, and close: what is left of the request is not read."""
    return JSONResponse({"error": error}, status_code=status, headers={"Connection": "close"})


def _joined(request: Request) -> dict[str, str]:
    """Return the headers by name; one that came twice is one with two values, and verifies so."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
