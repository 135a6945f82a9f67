"""The address that vendors send webhooks to, as it looks from here: whether a relay answers behind the proxy."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointAnswer:
    """What answers there to a GET, which a relay takes for the wrong method; no status: nothing that we can reach."""

    status: int | None
    place: str = ""  # where a redirect leads, without what may be secret in it

    @property
    def is_relay(self) -> bool:
        """Tell whether a relay answers, or may: what cannot be reached from here may be from outside."""
        is_sick = self.status is not None and self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return self.status in (None, HTTPStatus.METHOD_NOT_ALLOWED) or is_sick

    @property
    def is_redirect(self) -> bool:
        """Tell whether it sends people elsewhere."""
        return self.status in REDIRECTS


def probe_endpoint(url: str, *, timeout_seconds: float) -> EndpointAnswer:
    """Return what answers at an address; nothing is sent that a relay would count or store."""
    try:
        answer = requests.get(url, timeout=timeout_seconds, allow_redirects=False, stream=True)
    except requests.RequestException:
        return EndpointAnswer(status=None)
    with answer:
        place = urlsplit(answer.headers.get("Location", ""))
    where = f"{place.scheme}://{place.netloc}{place.path}" if place.netloc else place.path
    return EndpointAnswer(status=answer.status_code, place=where)
