"""Update Mailchimp: the audience's contacts and tags follow the platform's tables.

A batch of members is one transaction that holds their locks from reading what is desired to writing down
what was done: of two runs on one member the later one sees what the earlier one left. A contact
that is as desired already is not called again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from include.errors import VendorError
from include.jobs.mailchimp_sync.calls import CallResult, apply_in_bulk, apply_single
from include.jobs.mailchimp_sync.decide import ContactChange, change_from, outcome_of, wanted_key
from include.membership.contacts import Contact
from include.membership.desired_contact import desired_contact_of, is_satisfied
from include.membership.members import ExternalId, state_of
from include.store.run_members import MemberOutcome, MemberResult
from include.vendors.fan_out import fan_out
from include.vendors.mailchimp.client import subscriber_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from uuid import UUID

    from include.clock import Clock
    from include.failures.breakers import CircuitBreaker
    from include.membership.desired_contact import DesiredContact
    from include.membership.members import Member
    from include.store import Store
    from include.vendors.mailchimp.client import Mailchimp

MAX_SINGLE = 5  # more members than this are cheaper in bulk: it takes about as many calls as tags
TERMINAL_REASON = "unsubscribed by herself, bounced, under review or deleted: only she can undo it"

log = structlog.get_logger(__name__)


def locked(member_ids: Sequence[UUID], store: Store) -> dict[UUID, Member]:
    """Lock members until the transaction ends, and return them as they are then."""
    store.members.lock(member_ids)
    return store.members.read(member_ids)


def sorted_out(
    members: Sequence[Member], store: Store
) -> tuple[list[MemberResult], list[ContactChange]]:
    """Return the outcome of members for whom nothing is to be called, and what is for the others."""
    contacts = {member.id: desired_contact_of(member) for member in members}
    taken = {subscriber_hash(one.email) for one in contacts.values() if one and one.email}
    done, wanted = [], []
    for member in members:
        desired = contacts[member.id]
        is_done = desired is None or is_satisfied(desired, member.contact)
        if desired is None or is_done or _is_anothers(member, taken, store):
            after = state_of(member)
            done.append(
                MemberResult(member_id=member.id, outcome=MemberOutcome.UNCHANGED, after=after)
            )
        else:
            wanted.append((member, desired))
    return done, _changes(wanted, store)


def _is_anothers(member: Member, taken: Collection[str], store: Store) -> bool:
    """Tell whether a member who has lost her address, or her account, has lost her contact to another one, too."""
    if member.address is None:
        return member.contact is not None and member.contact.subscriber_hash in taken
    if member.deleted_at is None:
        return False
    others = store.members.find([ExternalId("email", member.address)]) - {member.id}
    return any(
        desired_contact_of(other) is not None for other in store.members.read(others).values()
    )


def _changes(wanted: Sequence[tuple[Member, DesiredContact]], store: Store) -> list[ContactChange]:
    """Return the changes, each knowing which of its contacts another account had, or has now."""
    keys = [wanted_key(desired, member.contact) for member, desired in wanted]
    keys += [one for member, _ in wanted if member.contact for one in _hashes(member.contact)]
    records = store.contacts.of_hashes(keys)
    changes = []
    for member, desired in wanted:
        others = {
            key: contact
            for key, held in records.items()
            for member_id, contact in held.items()
            if member_id != member.id
        }
        holder = others.get(wanted_key(desired, member.contact))
        changes.append(change_from(member, desired, holder=holder, held=others))
    return changes


def _hashes(contact: Contact) -> tuple[str, ...]:
    return (contact.subscriber_hash, *contact.retired)


def gone(member_id: UUID) -> MemberResult:
    """Return the outcome of a member whose row the platform has deleted meanwhile."""
    return MemberResult(
        member_id=member_id, outcome=MemberOutcome.UNCHANGED, reason="the platform's row is gone"
    )


def apply(
    changes: Sequence[ContactChange],
    store: Store,
    mailchimp: Mailchimp,
    *,
    breaker: CircuitBreaker,
    connections: int,
) -> list[tuple[ContactChange, CallResult]]:
    """Make the calls as far as the breaker lets them through: to probe, for one member alone."""
    first, rest = breaker.split(changes)
    probed = _call(first, store, mailchimp, connections=connections)
    breaker.note([answer for _, answer in probed])
    if breaker.is_open:
        return [*probed, *((change, breaker.error) for change in rest)]
    called = _call(rest, store, mailchimp, connections=connections)
    breaker.note([answer for _, answer in called])
    return [*probed, *called]


def _call(
    changes: Sequence[ContactChange], store: Store, mailchimp: Mailchimp, *, connections: int
) -> list[tuple[ContactChange, CallResult]]:
    """Make the calls: single ones for a few members and for what bulk calls cannot do."""
    if not changes:
        return []
    plain = [change for change in changes if change.is_plain]
    bulk = plain if len(plain) > MAX_SINGLE else []
    want = min(len(changes), max(1, connections // 2))  # so that two runs at once both get on
    with store.throttle.connections("mailchimp", cap=connections, want=want) as width:
        answers = apply_in_bulk(bulk, mailchimp, width=width) if bulk else {}
        answered = {bulk[position].member_id for position in answers}
        rest = [change for change in changes if change.member_id not in answered]
        singles = fan_out(lambda change: apply_single(change, mailchimp), rest, width=width)
    in_bulk = [(bulk[position], answer) for position, answer in answers.items()]
    return [*in_bulk, *zip(rest, singles, strict=True)]


def result(change: ContactChange, answer: CallResult, member: Member) -> MemberResult:
    """Return what came of a member by Mailchimp's answer."""
    if isinstance(answer, VendorError):
        reason = str(answer)
        log.warning("member.failed", member_id=str(member.id), reason=reason)
        return MemberResult(
            member_id=member.id,
            outcome=MemberOutcome.FAILED,
            reason=reason,
            error_class=answer.kind,
            after=state_of(member),
        )
    outcome = outcome_of(change, answer)
    return MemberResult(
        member_id=member.id,
        outcome=outcome,
        reason=TERMINAL_REASON if outcome is MemberOutcome.TERMINAL else None,
        after=state_of(replace(member, contact=answer)),
    )


def save_contacts(
    answers: Iterable[tuple[ContactChange, CallResult]], store: Store, clock: Clock
) -> None:
    """Write down how contacts were left."""
    left = {change.member_id: a for change, a in answers if isinstance(a, Contact)}
    store.contacts.save(left, now=clock.now())
