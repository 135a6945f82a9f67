"""A webhook of our own, sent to the address that vendors send to, and followed to its row in the inbox.

It is signed as a vendor signs and goes a vendor's way: name, certificate, proxy, relay, signature, database. Its type
starts no job, names no member, and does not count as something that the vendor has delivered.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from include.clock import SystemClock
from include.errors import CommandError
from include.operate.webhooks import PROVIDERS, fresh_event_id, sign
from include.routing import PROBE
from include.store.inbox import InboxState
from include.vendors.manifests import EVENT_SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.operate.deployment import Deployment
    from include.store import Store

ANSWER_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.25
STALE: Final = "the timestamp is outside the tolerance"
BODY_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A vendor's address, and one of the secrets that its relay is to know."""

    provider: str
    url: str
    secret: str
    name: str  # of the secret, where people set it


def probes_of(deployment: Deployment, url: str) -> list[Probe]:
    """Return what is tried at an address: both vendors' paths below it, or the one that it ends in."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(
            f"{url!r} is no address: say https://HOST or https://HOST/webhooks/stripe"
        )
    found = [one for provider in PROVIDERS for one in _of_provider(deployment, url, provider)]
    if not found:
        names = " or ".join(EVENT_SECRETS[provider].variable for provider in PROVIDERS)
        raise CommandError(
            f"no secret is known for {url}: set {names}; the path is /webhooks/stripe, /webhooks/clerk or none"
        )
    return found


def _of_provider(deployment: Deployment, url: str, provider: str) -> Iterator[Probe]:
    parts = urlsplit(url)
    path, own = parts.path.rstrip("/"), f"/webhooks/{provider}"
    if "/webhooks" in path and not path.endswith(own):
        return
    secrets = getattr(deployment, f"{provider}_webhook_secrets")
    address = urlunsplit(parts._replace(path=path.removesuffix(own) + own))
    for number, secret in enumerate(secrets, 1):
        of_all = f" ({number} of {len(secrets)})" if len(secrets) > 1 else ""
        yield Probe(
            provider=provider,
            url=address,
            secret=secret.get_secret_value(),
            name=f"{EVENT_SECRETS[provider].variable}{of_all}",
        )


def send(probe: Probe, store: Store, *, seconds: float) -> str:
    """Send one and return what came of it, in a sentence; raise CommandError where it did not end as it should."""
    event_id = fresh_event_id(probe.provider)
    begun = time.perf_counter()
    answer = _post(probe, event_id)
    if answer.status_code != httpx.codes.OK:
        raise CommandError(f"{probe.url} {_refusal(probe, answer)}")
    if '"duplicate"' not in answer.text:
        raise CommandError(
            f"{probe.url} answers 200, but not as a relay does: whatever it is loses webhooks"
        )
    took = (time.perf_counter() - begun) * 1000
    number = _row_of(event_id, store, seconds=seconds)
    return f"{probe.url}: stored as row {number}, {took:.0f} ms, signed with {probe.name}"


def _post(probe: Probe, event_id: str) -> httpx.Response:
    now = SystemClock().now()
    seconds = round(now.timestamp())
    event = {"id": event_id, "object": "event", "type": PROBE, "livemode": False}
    event |= {"created": seconds, "timestamp": seconds * 1000, "data": {"object": {}}}
    body = json.dumps(event).encode()
    request = sign(probe.provider, body, secret=probe.secret, event_id=event_id, now=now)
    try:
        return httpx.post(
            probe.url,
            content=request.body,
            headers=request.headers,
            timeout=ANSWER_SECONDS,
            verify=ssl.create_default_context(),
            trust_env=False,
        )
    except httpx.HTTPError as error:
        host = urlsplit(probe.url).hostname
        raise CommandError(f"{probe.url} {_unreached(error, host)}") from error


def _unreached(error: BaseException, host: str | None) -> str:
    """Say why there is no answer, as far down as it is known."""
    causes = list(_causes(error))
    if any(isinstance(one, socket.gaierror) for one in causes):
        return f"is not found: DNS knows no {host}"
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"has a certificate that vendors refuse: {one.verify_message}"
        if isinstance(one, ssl.SSLError):
            return f"speaks no TLS that vendors could use ({one.reason})"
    if isinstance(error, httpx.TimeoutException):
        return f"does not answer within {ANSWER_SECONDS:.0f} s"
    return f"cannot be reached ({type(causes[-1]).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _refusal(probe: Probe, answer: httpx.Response) -> str:
    """Say what another answer than 200 means."""
    status, reason = answer.status_code, _reason(answer)
    if answer.is_redirect:
        place = urlsplit(answer.headers.get("Location", ""))._replace(query="").geturl()
        return f"redirects ({status}) to {place}: vendors do not follow redirects"
    if status == httpx.codes.NOT_FOUND:
        return (
            "answers 404: the proxy does not hand it on to the relay, or knows no host of this name"
        )
    if status == httpx.codes.BAD_REQUEST and reason == STALE:
        return "answers 400: the clock here or the relay's is wrong (the timestamp is outside the tolerance)"
    if status == httpx.codes.BAD_REQUEST:
        return f"answers 400 ({reason}): the relay does not take what is signed with {probe.name}"
    if status == httpx.codes.SERVICE_UNAVAILABLE and reason:
        return f"answers 503: the relay is there, and cannot store now ({reason})"
    return f"answers {status}{reason and f' ({reason})'}: that is not as a relay answers"


def _reason(answer: httpx.Response) -> str:
    """Return the relay's word on why; empty where it is not the relay's."""
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(said)[:BODY_SHOWN]


def _row_of(event_id: str, store: Store, *, seconds: float) -> int:
    """Return the row's number once it is there and ended; raise CommandError where it is not in time."""
    deadline = time.monotonic() + seconds
    while not (rows := store.inbox.by_event_id(event_id)):
        if time.monotonic() > deadline:
            raise CommandError(
                f"{event_id} was answered 200 and is not in this deployment's database after {seconds:.0f} s:"
                " the address leads to another deployment, or the relay writes to another database"
            )
        time.sleep(LOOK_SECONDS)
    [row] = rows
    if row.state != InboxState.IGNORED:
        raise CommandError(
            f"row {row.id} of {event_id} is {row.state}: a probe is to start nothing"
        )
    return row.id
