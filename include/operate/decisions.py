"""What a person decides in the console: each act by its name, in her name, with her reason.

An act is carried out by the same functions as the command of `ops`. What cannot be done raises ActRefusedError,
whose text is for her.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from include.clock import SystemClock
from include.errors import ActRefusedError
from include.failures.dead_letters import DeadLetterService
from include.jobs.reconciliation import repair
from include.membership.contacts import ContactStatus
from include.notify.findings import close_finding, close_findings
from include.operate import ends_by_hand
from include.operate.commands.dead_letters import left_text, none_text
from include.person import person_from
from include.store.audit import AuditEntry, member_target
from include.store.dead_letters import DeadLetterAction, Filter
from include.store.findings import FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from include.clock import Clock
    from include.person import Person
    from include.store import Store

DONE_WORDS = {
    DeadLetterAction.REPLAY: "It is tried again",
    DeadLetterAction.COMPENSATE: "Closed",
    DeadLetterAction.ABANDON: "Let be",
    DeadLetterAction.UNDO_ABANDON: "It waits for a person again",
    DeadLetterAction.CLOSE_FIXED: "Closed: it came right",
    DeadLetterAction.HOLD: "Held: it waits for a person again",
}
NOT_APPLIED = b""  # equals no desired contact: the job calls Mailchimp again
HERS = (ContactStatus.COMPLIANCE, ContactStatus.FORGOTTEN)


class NotSureError(Exception):
    """An act about many needs a yes to their number, which is said with it."""

    def __init__(self, count: int) -> None:
        """Keep how many it would be about now."""
        super().__init__(count)
        self.count = count


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenAction:
    """One act about one thing; `member_id`, where given, is whose it must be."""

    act: str
    number: int
    member_id: UUID | None = None
    at: datetime | None = None  # of `move`


def perform(decision: ChosenAction, *, who: str, why: str, store: Store, clock: Clock) -> str:
    """Carry it out and return what came of it, in words."""
    person = person_from(who, why)
    if decision.act in list(DeadLetterAction):
        wanted = Filter(ids=(decision.number,), member_id=decision.member_id)
        return decide_letters(
            DeadLetterAction(decision.act), wanted, person=person, store=store, clock=clock
        )
    if decision.act not in OTHER_ACTS:
        raise ActRefusedError(f"there is no act {decision.act!r}")
    return OTHER_ACTS[decision.act](decision, person, store, clock.now())


def decide_letters(
    act: DeadLetterAction, wanted: Filter, *, person: Person, store: Store, clock: Clock
) -> str:
    """Carry an act out on all dead letters that are wanted, and return what came of it."""
    service = DeadLetterService(store, clock=clock)
    preview = service.preview(act, wanted)
    if not preview.count:
        raise ActRefusedError(none_text(act, preview, service.elsewhere(act, wanted)))
    done = service.decide(act, wanted, by=person, with_fixed=wanted.ids is not None)
    if done.chosen == 1 and done.done == 1:
        return f"{DONE_WORDS[act]}."
    left = left_text(act, done)
    if not done.done:
        raise ActRefusedError(left or "there was nothing left to do")
    return f"{DONE_WORDS[act]}: {done.done:,} of {done.chosen:,}." + (f" {left}." if left else "")


def _end(decision: ChosenAction, person: Person, store: Store, now: datetime) -> str:
    row = store.deactivations.get(decision.number)
    if row is None or decision.member_id not in (None, row.member_id):
        raise ActRefusedError(f"there is no planned end {decision.number} of hers")
    match decision.act:
        case "revoke":
            ends_by_hand.revoke(row.id, person=person, now=now, store=store)
            at = f" on {row.vendor_at:%-d %b %Y}" if row.vendor_at else ""
            return f"Kept: here her membership goes on. Stripe still ends it{at}; resume it there."
        case "undo":
            ends_by_hand.undo(row.id, person=person, now=now, store=store)
            return "Her membership is planned to end again, as it was."
        case "run_now":
            ends_by_hand.run_now(row.id, person=person, now=now, store=store)
            return "It ends now: its run starts within seconds."
    if decision.at is None:
        raise ActRefusedError("the new time is missing")
    ends_by_hand.move(row.id, decision.at, person=person, now=now, store=store)
    return f"Moved to {decision.at:%-d %b %Y %H:%M} UTC."


def _close_finding(decision: ChosenAction, person: Person, store: Store, now: datetime) -> str:
    finding = store.findings.get(decision.number)
    if finding is None or decision.member_id not in (None, finding.member_id):
        raise ActRefusedError(f"there is no finding {decision.number} of hers")
    close_finding(decision.number, person=person, store=store, now=now)
    return "Closed: it is not told again unless something new brings it up."


def decide_findings(  # noqa: PLR0913 - who decides what about which, by name
    kind: str, sure: str, *, who: str, why: str, store: Store, clock: Clock
) -> str:
    """Close all findings of a kind where `sure` is their number now; raise NotSureError with it where it is not."""
    person = person_from(who, why)
    count = store.findings.counts().get(FindingKind(kind), 0) if kind in list(FindingKind) else 0
    if not count:
        raise ActRefusedError("there is no such finding any more")
    if sure != str(count):
        raise NotSureError(count)
    closed = close_findings(kind, person=person, store=store, now=clock.now())
    return f"Closed: {closed:,}. They are not told again unless something new brings them up."


def _note(decision: ChosenAction, person: Person, store: Store, now: datetime) -> str:
    _audit("note", decision, person, store, now)
    return "Noted."


def _in_line(decision: ChosenAction, person: Person, store: Store, now: datetime) -> str:
    """Have the vendors asked anew about one member, by events of our own making, as reconciliation does."""
    member_id = _member_of(decision)
    with store.transaction():
        store.members.lock([member_id])
        member = store.members.read([member_id]).get(member_id)
        if member is None:
            raise ActRefusedError("nobody is known by this id")
        wanted = [
            repair.subscription(one.subscription_id, member.stripe_customer_id)
            for one in member.memberships
            if one.subscription_id
        ]
        if member.stripe_customer_id and not wanted:
            wanted.append(repair.customer(member.stripe_customer_id))
        if member.clerk_user_id:
            wanted.append(repair.user(member.clerk_user_id))
        if not wanted:
            raise ActRefusedError("neither Stripe nor Clerk knows her: there is nothing to ask for")
        if member.contact is not None and member.contact.status not in HERS:
            again = replace(member.contact, applied_sha256=NOT_APPLIED)
            store.contacts.save({member_id: again}, now=now)
        tag = f"by-hand.{now:%Y%m%dT%H%M%S%f}"
        modes = {provider: store.inbox.mode_of(provider) for provider in ("stripe", "clerk")}
        store.inbox.receive([repair.arrival_of(one, tag, modes, now) for one in wanted])
        _audit("in_line", decision, person, store, now)
    return "She goes through the normal job now; look again in a moment."


def audit_refusal(
    what: str, *, who: str, right: str, store: Store, clock: Clock | None = None
) -> None:
    """Keep that somebody asked for what she may not."""
    change = AuditEntry(
        target="console:access",
        actor=who,
        action="console:refused",
        metadata={"what": what, "needs": right},
    )
    with store.transaction():
        store.audit.add([change], now=(clock or SystemClock()).now())


def _audit(what: str, decision: ChosenAction, person: Person, store: Store, now: datetime) -> None:
    change = AuditEntry(
        target=member_target(_member_of(decision)),
        actor=person.actor,
        action=f"console:{what}",
        metadata={"why": person.why},
    )
    with store.transaction():
        store.audit.add([change], now=now)


def _member_of(decision: ChosenAction) -> UUID:
    if decision.member_id is None:
        raise ActRefusedError("this is about one member: open her page")
    return decision.member_id


OTHER_ACTS: dict[str, Callable[[ChosenAction, Person, Store, datetime], str]] = {
    "revoke": _end,
    "undo": _end,
    "move": _end,
    "run_now": _end,
    "close_finding": _close_finding,
    "note": _note,
    "in_line": _in_line,
}
