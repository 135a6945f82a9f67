"""`python -m include.relay`: one process, one event loop, until SIGTERM; then what was begun is finished."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog
import uvicorn

from include.relay.app import create_app
from include.relay.protocol import GuardedProtocol
from include.settings import load_settings

if TYPE_CHECKING:
    from structlog.types import Processor

CONNECTIONS = 1000


def main() -> None:
    """Serve."""
    _configure_logging()
    settings = load_settings()
    uvicorn.run(
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
