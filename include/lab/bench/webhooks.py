"""Webhooks as the vendors send them: signed, and ready to be written to a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from include.operate.webhooks import fresh_event_id, sign

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NO_JOB = {"stripe": "price.updated", "clerk": "session.created"}  # stored, and nothing is done


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """An event on its way to us."""

    provider: str
    event_id: str
    body: bytes


@dataclass(frozen=True, kw_only=True, repr=False)
class SigningSecrets:
    """What the vendors sign with."""

    stripe: str
    clerk: str


def http_request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST of JSON on a connection that stays open."""
    head = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def signed_request(webhook: Webhook, secrets: SigningSecrets, at: datetime) -> bytes:
    """Return the delivery of a webhook, signed at that moment."""
    request = sign(
        webhook.provider,
        webhook.body,
        secret=getattr(secrets, webhook.provider),
        event_id=webhook.event_id,
        now=at,
    )
    return http_request(request.path, request.headers, request.body)


def without_a_job(number: int, at: datetime) -> Webhook:
    """Return a new event of a type that starts no job; Stripe's and Clerk's in turn."""
    return _stripe_price(at) if number % 2 else _clerk_session(at)


def _stripe_price(at: datetime) -> Webhook:
    event_id, stamp = fresh_event_id("stripe"), int(at.timestamp())
    price = {
        "id": "price_bench",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": stamp,
        "currency": "usd",
        "livemode": False,
        "metadata": {"tier": "pro"},
        "product": "prod_bench",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "type": "recurring",
        "unit_amount": 3000,
    }
    event = {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": stamp,
        "data": {"object": price, "previous_attributes": {"active": False}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": NO_JOB["stripe"],
    }
    return Webhook(provider="stripe", event_id=event_id, body=json.dumps(event).encode())


def _clerk_session(at: datetime) -> Webhook:
    stamp = int(at.timestamp() * 1000)
    session = {
        "id": f"sess_{token_hex(12)}",
        "object": "session",
        "client_id": f"client_{token_hex(12)}",
        "created_at": stamp,
        "status": "active",
        "updated_at": stamp,
        "user_id": f"user_{token_hex(12)}",
    }
    event = {"data": session, "object": "event", "timestamp": stamp, "type": NO_JOB["clerk"]}
    body = json.dumps(event).encode()
    return Webhook(provider="clerk", event_id=fresh_event_id("clerk"), body=body)
