"""Stored events as people see them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import ActRefusedError
from include.operate.event_words import event_words
from include.person import person_from
from include.store.audit import AuditEntry
from include.store.dead_letters import NOT_CLOSED, DeadLetterState

if TYPE_CHECKING:
    from datetime import datetime

    from include.store import Store
    from include.store.inbox import InboxRow
    from include.store.lookup import EventLine

PAGE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class EventView:
    """An event; `body` is None for whom it is not for, and where retention has emptied it."""

    row: InboxRow
    words: str
    body: str | None
    letter_id: int | None  # of what waits for a person about it


def read_event(store: Store, number: int, *, with_body: bool, sees_names: bool) -> EventView | None:
    """Return an event by its number in the inbox."""
    rows = store.inbox.rows([number]) if number < 2**63 else []
    if not rows:
        return None
    [row] = rows
    letters = [one for one in store.dead_letters.of_rows([number]) if one.state in NOT_CLOSED]
    waits = next((one.id for one in letters if one.state is DeadLetterState.OPEN), None)
    body = _shown(row.body) if with_body and row.body is not None else None
    words = event_words(row, sees_names=sees_names)
    return EventView(row=row, words=words, body=body, letter_id=waits)


def read_events(
    store: Store, state: str | None, *, before: int | None
) -> tuple[dict[str, int], list[EventLine]]:
    """Return how many events there are in each state, and a page of them, the newest first."""
    counts = {str(one): count for one, count in sorted(store.inbox.counts().items())}
    return counts, store.lookup.events(state, before=before or 2**63 - 1, limit=PAGE + 1)


def send_again(number: int, *, who: str, why: str, store: Store, now: datetime) -> str:
    """Have the job of an event work on it once more, as if the vendor had sent it again."""
    person = person_from(who, why)
    change = AuditEntry(
        target=f"event:{number}",
        actor=person.actor,
        action="console:send_again",
        inbox_ids=[number],
        metadata={"why": person.why},
    )
    with store.transaction():
        if not store.inbox.take_up_again(number, now=now):
            raise ActRefusedError(
                "only an event that has ended well and is still kept can be sent again;"
                " of one that failed the dead letter is decided about"
            )
        store.audit.add([change], now=now)
        store.inbox.wake_dispatchers()
    return "Its job works on it once more; what was done is not repeated."


def _shown(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode(errors="replace")
