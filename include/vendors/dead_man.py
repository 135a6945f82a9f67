"""The dead-man's signal: a call to an outside address that notices when it stays away."""

from __future__ import annotations

import requests

from include.errors import VendorUnavailableError


def signal(url: str, *, timeout_seconds: float) -> None:
    """Say that the watcher is alive; the address is a secret and is not in the error."""
    try:
        answer = requests.post(url, timeout=timeout_seconds)
    except requests.RequestException:
        raise VendorUnavailableError("the dead-man's switch does not answer") from None
    if not answer.ok:
        raise VendorUnavailableError(f"the dead-man's switch answers {answer.status_code}")
