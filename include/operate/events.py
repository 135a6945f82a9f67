"""Stored events as people see them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.store.dead_letters import NOT_CLOSED, LetterState

if TYPE_CHECKING:
    from include.store import Store
    from include.store.inbox import InboxRow


@dataclass(frozen=True, kw_only=True, slots=True)
class EventView:
    """An event; `body` is None for whom it is not for, and where retention has emptied it."""

    row: InboxRow
    body: str | None
    letter_id: int | None  # of what waits for a person about it


def read_event(store: Store, number: int, *, with_body: bool) -> EventView | None:
    """Return an event by its number in the inbox."""
    rows = store.inbox.rows([number]) if number < 2**63 else []
    if not rows:
        return None
    [row] = rows
    letters = [one for one in store.dead_letters.of_rows([number]) if one.state in NOT_CLOSED]
    waits = next((one.id for one in letters if one.state is LetterState.OPEN), None)
    body = _shown(row.body) if with_body and row.body is not None else None
    return EventView(row=row, body=body, letter_id=waits)


def _shown(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode(errors="replace")
