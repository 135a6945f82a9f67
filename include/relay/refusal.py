"""What is answered to a request that is not taken: a status and a short reason, both from a closed set."""

from __future__ import annotations

from include.errors import OpsError


class RefusalError(OpsError):
    """The request is refused; the reason is counted and answered."""

    def __init__(self, status: int, reason: str) -> None:
        """Answer `status`; `reason` is one of few, because it is a counter's name too."""
        super().__init__(reason)
        self.status = status
