"""What clients share that call over HTTP by themselves: the key's header, a pause that is asked for, a lost call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

if TYPE_CHECKING:
    from collections.abc import Mapping


class KeyHeader(requests.auth.AuthBase):
    """The header of a key. Given as `auth`, it is not overruled by a .netrc file."""

    def __init__(self, name: str, value: str) -> None:
        """Send `value` in the header of that name."""
        self._name, self._value = name, value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set it."""
        request.headers[self._name] = self._value
        return request


def pause_in(headers: Mapping[str, str]) -> float | None:
    """Return the pause that a vendor asks for, in seconds; None where it does not."""
    pause = headers.get("Retry-After", "")
    return float(pause) if isinstance(pause, str) and pause.isdecimal() else None


def never_left(error: object) -> bool:
    """Tell whether no connection came about, so that nothing can have happened."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    inner = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)
