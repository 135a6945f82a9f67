"""Tell a person what only a person can decide: once, and when it is over. Nobody waits for her."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from include.errors import ActRefusedError
from include.store.audit import AuditEntry
from include.store.findings import FindingState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from include.person import Person
    from include.store import Store
    from include.store.findings import Finding, FindingKey, KeptFinding

OVER = "it is not so any more"


def note_findings(  # noqa: PLR0913 - what was looked for and found, and in whose name
    found: Iterable[Finding],
    *,
    checked: Collection[FindingKey] = (),
    job: str,
    store: Store,
    now: datetime,
    dag_run_id: str | None = None,
    over: str = OVER,
) -> None:
    """Keep what was found, and end what was `checked` and not found. In the caller's transaction.

    What is news is told to Slack's staff channel with the next messages, and is in the audit log; so is what is `over`.
    """
    by_key = {finding.key: finding for finding in found}
    changes = []
    for finding in by_key.values():
        if kept := store.findings.keep(finding, now=now):
            _tell(kept, job=job, store=store, now=now)
            changes.append(_change(kept, actor=f"system:{job}", dag_run_id=dag_run_id))
    for kept in store.findings.end(set(checked) - by_key.keys(), now=now):
        _tell_end(kept, how=over, store=store, now=now)
        changes.append(_change(kept, actor=f"system:{job}", dag_run_id=dag_run_id))
    store.audit.add(changes, now=now)


def close_finding(number: int, *, person: Person, store: Store, now: datetime) -> KeptFinding:
    """Close a finding in a person's name; raise ActRefusedError where it is not open."""
    with store.transaction():
        kept = store.findings.close(number, actor=person.actor, why=person.why, now=now)
        if kept is None:
            known = store.findings.get(number)
            raise ActRefusedError(
                f"finding {number} is {known.state}" if known else f"there is no finding {number}"
            )
        how = f"closed by {person.actor.removeprefix('user:')}: {person.why}"
        _tell_end(kept, how=how, store=store, now=now)
        store.audit.add([_change(kept, actor=person.actor)], now=now)
    return kept


def close_findings(kind: str, *, person: Person, store: Store, now: datetime) -> int:
    """Close all open findings of a kind in a person's name; return how many: one that is over meanwhile is none."""
    closed = 0
    for one in store.findings.read():
        if one.kind == kind:
            with suppress(ActRefusedError):
                close_finding(one.id, person=person, store=store, now=now)
                closed += 1
    return closed


def _tell(kept: KeptFinding, *, job: str, store: Store, now: datetime) -> None:
    facts = {"kind": "finding", "id": kept.id, "finding": kept.kind, "words": kept.words}
    store.notices.put(_notice_key(kept), job=job, facts=facts, now=now)


def _tell_end(kept: KeptFinding, *, how: str, store: Store, now: datetime) -> None:
    """Have it said in the thread of what was told last."""
    notice = store.notices.get(_notice_key(kept))
    if notice is not None:
        what = kept.kind.replace("_", " ")
        store.notices.recover(notice, recovery={"how": f"{what}: {how}"}, now=now)


def _notice_key(kept: KeptFinding) -> str:
    return f"finding:{kept.id}:{kept.times}"


def _change(kept: KeptFinding, *, actor: str, dag_run_id: str | None = None) -> AuditEntry:
    action = {FindingState.OVER: "end", FindingState.CLOSED: "close"}.get(kept.state, "open")
    return AuditEntry(
        target=f"finding:{kept.id}",
        actor=actor,
        action=f"finding:{action}",
        dag_run_id=dag_run_id,
        after={"state": str(kept.state)},
        metadata={
            "kind": str(kept.kind),
            "subject": kept.subject,
            **({"why": kept.why} if kept.why else {}),
        },
    )
