"""One field for everything: what an address, a name, or an id of a vendor, event, run or dead letter leads to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from include.store.audit import AuditEntry
from include.store.dead_letters import DeadLetterState, Filter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from include.store import Store

MAX_HITS = 20
NUMBER = re.compile(r"(?:dead letter|letter|#)?\s*(\d{1,9})", re.IGNORECASE)
SHORTEST_NAME = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """Something that a text names: `path` is its page in the console."""

    path: str
    words: str


def search(store: Store, text: str, *, actor: str, now: datetime, sees_names: bool) -> list[Hit]:
    """Return what a text names, members first.

    Who looked for an address is kept in the audit log, found or not; the address itself is not.
    """
    text = " ".join(text.replace("\0", " ").split())
    if not text:
        return []
    found = list(dict.fromkeys(_hits(store, text, sees_names=sees_names)))
    if "@" in text:
        _note_looked_up(store, found, actor=actor, now=now)
    return found


def _hits(store: Store, text: str, *, sees_names: bool) -> Iterator[Hit]:
    members = store.timeline.members_of(text)
    if not members and len(text) >= SHORTEST_NAME and sees_names:
        members = store.lookup.members_named(text, limit=MAX_HITS)
    names = store.lookup.names(members)
    for member_id in members:
        shown = names[member_id].name if sees_names and member_id in names else ""
        yield Hit(path=f"members/{member_id}", words=f"Member {shown or member_id}")
    for row in store.inbox.rows(store.timeline.rows_of(text)[:MAX_HITS]) if not members else []:
        yield Hit(path=f"events/{row.id}", words=f"Event {row.event_id}: {row.type}, {row.state}")
    for run in store.lookup.runs(text):
        path = f"runs/{run.job}/{quote(run.dag_run_id, safe='')}"
        yield Hit(path=path, words=f"Run of {run.job}: {run.status}")
    if number := NUMBER.fullmatch(text):
        wanted = Filter(ids=(int(number[1]),), states=tuple(DeadLetterState))
        for letter in store.dead_letters.select(wanted):
            path = f"members/{letter.member_id}" if letter.member_id else f"waiting?ids={letter.id}"
            yield Hit(path=path, words=f"Dead letter {letter.id}: {letter.reason}")


def _note_looked_up(store: Store, found: list[Hit], *, actor: str, now: datetime) -> None:
    members = [one.path.removeprefix("members/") for one in found if "members/" in one.path]
    targets = [f"member:{one}" for one in members] or ["console:search"]
    changes = [
        AuditEntry(
            target=target, actor=actor, action="console:looked_up", metadata={"by": "address"}
        )
        for target in targets
    ]
    with store.transaction():
        store.audit.add(changes, now=now)
