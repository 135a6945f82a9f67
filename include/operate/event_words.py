"""What a stored event says, in words: beside how she is now it tells whether trying it again is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import PayloadError
from include.events import (
    Checkout,
    CustomerSnapshot,
    Invoice,
    MoneyMoved,
    SubscriptionSnapshot,
    UserSnapshot,
    event_from,
)
from include.membership.contacts import ContactStatus
from include.membership.standing import Standing, has_access, standing_of
from include.operate.options import day, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.events import Subject
    from include.membership.members import Member
    from include.store import Store
    from include.store.dead_letters import DeadLetter
    from include.store.inbox import InboxRow

MAX_TOLD = 5  # of one dead letter
STATUS_WORDS = {
    ContactStatus.SUBSCRIBED: "subscribed",
    ContactStatus.PENDING: "asked to confirm her address: until she does, she gets no mail",
    ContactStatus.UNSUBSCRIBED: "unsubscribed by us, as the membership ended",
    ContactStatus.COMPLIANCE: "unsubscribed by herself, or her address bounced: only she can undo it",
    ContactStatus.FORGOTTEN: "deleted for good: only she can undo it",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a stored event said."""

    event_id: int
    words: str


def event_words(row: InboxRow, *, sees_names: bool) -> str:
    """Say what a vendor told us: names and addresses to those who may see them."""
    vendor = row.provider.capitalize()
    if row.body is None:
        return f"{vendor}, {moment(row.received_at)}: what it said is not kept any more"
    try:
        event = event_from(provider=row.provider, event_id=row.event_id, body=row.body)
    except PayloadError as error:
        return f"{vendor}, {moment(row.received_at)}: it cannot be read, {error}"
    said = ", ".join(_subject_words(event.subject, sees_names=sees_names))
    return f"{vendor}, {moment(event.occurred_at)}: {said}"


def told_of(
    store: Store, letters: Sequence[DeadLetter], *, sees_names: bool
) -> dict[int, list[Told]]:
    """Return what the newest events of each dead letter said, by the dead letter's number."""
    pairs = store.dead_letters.last_events([one.id for one in letters], count=MAX_TOLD)
    rows = {row.id: row for row in store.inbox.rows([row_id for _, row_id in pairs])}
    found: dict[int, list[Told]] = {one.id: [] for one in letters}
    for number, row_id in pairs:
        words = event_words(rows[row_id], sees_names=sees_names)
        found[number].append(Told(event_id=row_id, words=words))
    return found


def standing_words(member: Member) -> str:
    """Say whether she is a member."""
    if member.deleted_at is not None:
        return "Not a member: her account is deleted"
    open_words = "" if has_access(member) else ", and nothing is open to her: Clerk has barred her"
    match standing_of(member):
        case Standing.ACTIVE:
            return f"A member{open_words}"
        case Standing.PAST_DUE:
            return f"A member who owes a payment{open_words}"
        case Standing.PAUSED:
            return "Her membership is paused"
        case Standing.ENDED:
            return "Not a member any more"
        case _:
            return "Never a member"


def now_words(member: Member, *, sees_names: bool) -> str:
    """Say how a member is now: in short what her page says at length."""
    standing = standing_words(member)
    address = (member.email or "no address",) if sees_names else ()
    contact = STATUS_WORDS[member.contact.status] if member.contact else "no contact"
    return ", ".join((standing[0].lower() + standing[1:], *address, f"at Mailchimp {contact}"))


def _subject_words(subject: Subject, *, sees_names: bool) -> Iterator[str]:
    match subject:
        case SubscriptionSnapshot():
            yield f"subscription {subject.id} is {subject.status.replace('_', ' ')}"
            yield from _end_words(subject)
        case CustomerSnapshot(deleted=True) | UserSnapshot(deleted=True):
            yield f"{subject.id} is deleted"
        case CustomerSnapshot() | UserSnapshot():
            yield f"{subject.id} is {_who(subject) if sees_names else 'as her name and address say'}"
            if isinstance(subject, UserSnapshot) and subject.is_barred:
                yield "banned or locked out"
        case Checkout():
            yield f"a checkout for {subject.subscription_id or 'no subscription'} is done"
        case Invoice():
            yield f"an invoice of {subject.subscription_id or 'no subscription'}"
        case MoneyMoved():
            yield "a refund failed" if subject.has_failed else "money was paid back, or is disputed"
        case _:
            yield f"{subject.id} is to be read anew"


def _end_words(subscription: SubscriptionSnapshot) -> Iterator[str]:
    if subscription.ended_at:
        yield f"ended on {day(subscription.ended_at)}"
        return
    if subscription.current_period_end:
        yield f"paid until {day(subscription.current_period_end)}"
    if subscription.cancel_at_period_end:
        yield "she has asked to leave"


def _who(subject: CustomerSnapshot | UserSnapshot) -> str:
    """Return her name and address, as far as the vendor says them."""
    name = (
        f"{subject.first_name} {subject.last_name}"
        if isinstance(subject, UserSnapshot)
        else subject.name
    )
    return (
        f"{name.strip() or 'without a name'}, {subject.email or 'no address of hers is verified'}"
    )
