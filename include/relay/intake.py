"""One webhook's way: read, verify the raw bytes before anything looks at them, store, and only then answer."""

from __future__ import annotations

from functools import partial
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
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from include.clock import Clock
    from include.relay.rejections import RejectionCounter
    from include.relay.signatures import Signature
    from include.relay.writer import InboxWriter
    from include.settings import Settings

    Take = Callable[[bytes, Mapping[str, str]], Awaitable[Response]]

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
        writer: InboxWriter,
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
        return await self.verified(provider, partial(self._store, provider), request)

    async def verified(self, provider: str, take: Take, request: Request) -> Response:
        """Answer what `take` makes of a body that the provider has signed; what is not is refused."""
        try:
            with self._budget.lease() as lease:
                body = await read_body(request, limit=self._settings.body_limit_bytes, lease=lease)
                headers = _joined(request)
                self._signatures[provider].verify(body, headers, now=self._clock.now())
                return await take(body, headers)
        except RefusalError as error:
            return self._refuse(provider, error.status, str(error))
        except (SignatureError, PayloadError) as error:
            return self._refuse(provider, 400, str(error))
        except StoreUnavailableError as error:
            return _answer(503, str(error))

    async def _store(self, provider: str, body: bytes, headers: Mapping[str, str]) -> Response:
        mode, now = self._settings.clerk_mode, self._clock.now()
        arrival = arrival_from(provider, body, headers, now=now, clerk_mode=mode)
        receipt = await self._writer.write(arrival)
        if receipt is Receipt.DUPLICATE:
            self._rejections.add(provider, AGAIN)
        if receipt is Receipt.CONFLICT:
            log.warning("inbox.conflict", provider=provider, event_id=arrival.event_id)
        return Response(ANSWERS[receipt], media_type="application/json")

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
