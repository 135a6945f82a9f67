"""`python -m include.relay`: one process, one event loop, until SIGTERM; then what was begun is finished."""

from __future__ import annotations

import logging
import sys
from functools import partial
from threading import Timer
from typing import TYPE_CHECKING, cast

import structlog
import uvicorn

from include.relay.app import create_app
from include.relay.protocol import GuardedProtocol
from include.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.applications import Starlette
    from structlog.types import Processor

CONNECTIONS = 1000
FAILED_TO_START = 3  # as uvicorn itself ends


def main() -> None:
    """Serve."""
    _configure_logging()
    settings = load_settings()
    config = uvicorn.Config(
        create_app(settings),
        host=settings.relay_host,
        port=settings.relay_port,
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=5,
    )
    server = LeavingServer(config, seconds=settings.relay_leaving_seconds)
    server.run()
    if not server.started:
        sys.exit(FAILED_TO_START)


class LeavingServer(uvicorn.Server):
    """Leaves in two halves, and takes webhooks in both: it is ready for some seconds, then it is not, then it stops.

    Whoever replaces relays one by one ends this one as soon as the other has come. A proxy has to see that one first,
    or it has none for a moment. In the second half it sees that this one goes, so no webhook meets a closed door.
    """

    def __init__(self, config: uvicorn.Config, *, seconds: float) -> None:
        """Take so long for each half; a second signal ends it at once."""
        super().__init__(config)
        self._seconds = seconds
        self._is_leaving = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave; 0 seconds: stop."""
        stop = partial(super().handle_exit, sig, frame)
        if self._is_leaving or not self._seconds:
            stop()
            return
        self._is_leaving = True
        _after(self._seconds, self._be_ready_no_more)
        _after(2 * self._seconds, stop)

    def _be_ready_no_more(self) -> None:
        cast("Starlette", self.config.app).state.is_leaving = True


def _after(seconds: float, act: Callable[[], None]) -> None:
    """Act then; who is killed meanwhile does not wait for it."""
    timer = Timer(seconds, act)
    timer.daemon = True
    timer.start()


def _configure_logging() -> None:
    """Write one JSON object per line: ours and the server's."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer()
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


if __name__ == "__main__":
    main()
