"""Erase one member: her personal data leaves our tables and Airflow's, and a search over all of them proves it.

In Airflow's it stands where somebody has typed it: in a reason, in a run's note. A transaction in each database: either
all is gone and audited, or nothing has changed. The vendors keep their own copies; who asks for erasure has to be
erased there too, before or after.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from include.errors import ActRefusedError
from include.events.values import address_forms
from include.store.audit import AuditEntry, member_target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from uuid import UUID

    from include.person import Person
    from include.store import Store
    from include.store.airflow_tables import AirflowTables

REASON = "erased at the member's request"


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What was redacted, by table, and of how many accounts; by a dry run only counted."""

    members: tuple[UUID, ...]
    events: int
    rows: dict[str, int]


def erase(  # noqa: PLR0913 - who asks for what, by name
    email: str,
    *,
    person: Person,
    now: datetime,
    store: Store,
    airflow: AirflowTables,
    dry_run: bool = False,
    tell: Callable[[int], None] = lambda _scanned: None,
) -> Erased:
    """Redact everything about the member with this address; `tell` hears how many events were looked at.

    Raises ActRefusedError, with nothing changed, where she still has an account, an end of her membership is still
    to come, a run is working on one of her events, or her address is found afterwards somewhere that is not known
    to hold one.
    """
    forms = address_forms(email)
    if "" in forms:
        raise ActRefusedError("this is no e-mail address")
    traces = [trace for form in forms for trace in _traces(form)]
    with (
        airflow.connection.transaction(force_rollback=dry_run),
        store.connection.transaction(force_rollback=dry_run),
    ):
        members = _members(forms, store)
        events = store.erasure.events_of(members, email_keys=[_email_key(form) for form in forms])
        events |= _events_naming(forms, store, tell)
        typed = airflow.redact(sorted(forms, key=len, reverse=True))
        if not members and not events and not any(typed.values()):
            raise ActRefusedError("nobody is known under this address")
        if working := store.erasure.working_on(events):
            raise ActRefusedError(f"a run is working on {working} of her events: try again later")
        rows = store.erasure.erase(members, events, reason=REASON, now=now) | typed
        store.audit.add([_change(m, person, rows) for m in members], now=now)
        if left := {**store.erasure.search(traces), **airflow.search(traces)}:
            raise ActRefusedError(f"nothing was changed: her address is also in {', '.join(left)}")
    return Erased(members=tuple(members), events=len(events), rows=rows)


def _members(forms: Collection[str], store: Store) -> list[UUID]:
    """Return who has or had the address, in whatever form, locked."""
    store.members.lock(list(store.erasure.members(forms)))
    found = store.erasure.members(forms)
    if not all(found.values()):
        raise ActRefusedError(
            "she still has an account: delete it in Clerk first, which ends her membership as well"
        )
    if ends := store.erasure.open_ends(found):
        raise ActRefusedError(
            f"{ends} end(s) of her membership are still to come: see `deactivations list`"
        )
    return sorted(found)


def _events_naming(forms: Collection[str], store: Store, tell: Callable[[int], None]) -> set[int]:
    """Return the events whose body has the address, in whatever way JSON may write it."""
    found: set[int] = set()
    scanned = 0
    for batch in store.erasure.bodies():
        found |= {
            row
            for row, bodies in batch
            if any(names(body, form) for body in bodies for form in forms)
        }
        scanned += len(batch)
        tell(scanned)
    return found


def names(body: bytes, email: str) -> bool:
    """Tell whether a body names a lower-cased address, in capitals or with JSON's escapes too."""
    if email in body.decode("utf-8", "replace").lower():
        return True
    if b"\\" not in body:
        return False
    try:
        plain = orjson.dumps(orjson.loads(body)).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return False
    return email in plain.lower()


def _traces(email: str) -> list[str]:
    """Return what would lead back to an address: itself, as bytes, and as Mailchimp's hash."""
    plain = email.encode()
    md5 = hashlib.md5(plain, usedforsecurity=False).hexdigest()
    return [email, plain.hex(), md5]


def _email_key(email: str) -> str:
    """Return how an event without a customer names whom it is about (see the relay's envelope)."""
    return f"email:{hashlib.sha256(email.encode()).hexdigest()}"


def _change(member_id: UUID, person: Person, rows: dict[str, int]) -> AuditEntry:
    return AuditEntry(
        target=member_target(member_id),
        actor=person.actor,
        action="member:erase",
        metadata={"why": person.why, "rows": dict(rows)},
    )
