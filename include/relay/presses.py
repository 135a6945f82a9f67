"""Buttons that people press in Slack under our messages: each press is answered 200, and *Acknowledge* is done.

Slack tells an app's Interactivity Request URL of every press, also of a button that only opens a page, and warns who
has pressed it where nobody answers 200 within three seconds.
https://docs.slack.dev/interactivity/handling-user-interaction
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import psycopg
import structlog
from starlette.responses import Response

from include.alerts.pauses import acknowledged
from include.alerts.texts import ACKNOWLEDGE, firing_key
from include.errors import PayloadError, StoreUnavailableError
from include.store.audit import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from include.clock import Clock
    from include.relay.database import KeptSession
    from include.store import Store

log = structlog.get_logger("relay.presses")

USER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
WHY: Final = "pressed Acknowledge in Slack"


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """A button that somebody has pressed: her id at Slack, and what we wrote into the button."""

    user: str
    value: str


class Presses:
    """Does what a pressed button stands for."""

    def __init__(self, session: KeptSession, *, operators: Collection[str], clock: Clock) -> None:
        """`operators` are Slack's ids of the people who may acknowledge an alert from there."""
        self._session = session
        self._operators = frozenset(operators)
        self._clock = clock

    async def take(self, body: bytes, _headers: Mapping[str, str]) -> Response:
        """Answer 200, once it is done; raises PayloadError, and StoreUnavailableError, of which Slack warns her."""
        presses = [one for one in presses_from(body) if one.value.startswith(ACKNOWLEDGE)]
        if presses:
            await asyncio.to_thread(self._acknowledge, presses)
        return Response()

    def _acknowledge(self, presses: list[Press]) -> None:
        try:
            self._session.use(lambda store: self._acknowledge_all(presses, store))
        except psycopg.Error:
            raise StoreUnavailableError from None

    def _acknowledge_all(self, presses: list[Press], store: Store) -> None:
        with store.transaction():
            for press in presses:
                self._acknowledge_one(press, store)

    def _acknowledge_one(self, press: Press, store: Store) -> None:
        """Acknowledge the firing that the message was about, and no later one; of who may not, it is kept."""
        key, now = press.value.removeprefix(ACKNOWLEDGE), self._clock.now()
        state = store.alerts.states().get(key.rpartition(".")[0])
        if state is None or state.fired_at is None or firing_key(state.rule, state.fired_at) != key:
            log.info("press.too_late", user=press.user)
            return
        actor = f"slack:{press.user}"
        if press.user not in self._operators:
            change = AuditEntry(target=f"alert:{state.rule}", actor=actor, action="slack:refused")
            store.audit.add([change], now=now)
            return
        pause = acknowledged(state, actor=actor, why=WHY, at=now)
        if pause is None:
            log.info("press.too_late", user=press.user)
            return
        store.alerts.pause(pause)
        change = AuditEntry(
            target=f"alert:{state.rule}",
            actor=actor,
            action="alert:acknowledge",
            metadata={"why": WHY},
        )
        store.audit.add([change], now=now)


def presses_from(body: bytes) -> list[Press]:
    """Return the buttons that a request of Slack's is about, none of another kind; raise PayloadError."""
    try:
        [payload] = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"]
        document: Any = json.loads(payload)
        if document["type"] != "block_actions":
            return []
        user = document["user"]["id"]
        values = [one.get("value") or "" for one in document["actions"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PayloadError("it is no press of a button") from None
    if not isinstance(user, str) or not USER.fullmatch(user):
        raise PayloadError("it is no press of a button")
    return [Press(user=user, value=one) for one in values if isinstance(one, str)]
