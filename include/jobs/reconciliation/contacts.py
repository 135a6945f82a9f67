"""The platform's tables beside Mailchimp's audience.

What a contact should be is what the job desires; how it is, Mailchimp says. Where they differ, our record of it
is brought to what Mailchimp says, and the member goes through the normal job. Who has unsubscribed herself, or
bounced, is only written down: that is hers to undo. Whose contact was made before the policy named another merge
field or tag gets it, however many they are: that is no difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from include.jobs.mailchimp_sync.decide import (
    ASLEEP,
    GETS_MAIL,
    OUR_TAGS,
    STATUSES,
    tag_changes,
    wanted_key,
)
from include.jobs.reconciliation import repair
from include.jobs.reconciliation.repair import put_right
from include.membership.contacts import Contact, ContactStatus
from include.membership.desired_contact import desired_contact_of, is_satisfied, tags_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from include.clock import Clock
    from include.jobs.reconciliation.repair import ObjectDifference, RepairLimits
    from include.membership.desired_contact import DesiredContact
    from include.membership.members import Member
    from include.store import Store
    from include.store.reconciliations import CheckFinding
    from include.vendors.mailchimp.client import AudienceMember, Mailchimp

BATCH_SIZE = 500
HERS = (ContactStatus.COMPLIANCE, ContactStatus.FORGOTTEN)
NOT_APPLIED = b""  # equals no desired contact: the job calls again


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactGap:
    """A member whose contact is not as desired; `seen` is the record as Mailchimp has the contact, None without one."""

    member: Member
    seen: Contact | None
    is_hers: bool = False  # only to be written down
    is_redefined: bool = False  # the policy has other fields and tags since


def compare_contacts(
    *, dag_run_id: str, store: Store, mailchimp: Mailchimp, clock: Clock, limits: RepairLimits
) -> CheckFinding:
    """Compare every member's contact with Mailchimp's, and have those updated that differ."""
    now, busy = clock.now(), store.inbox.busy_members()
    audience = {one.hash: one for one in mailchimp.list_members()}
    looked_at, gaps, hers = 0, list[ContactGap](), list[ContactGap]()
    for members in _all_members(store):
        for member in members:
            if _keys_of(member) & busy:
                continue
            looked_at += 1
            gap = gap_of(member, audience)
            if gap is not None:
                (hers if gap.is_hers else gaps).append(gap)
    findable = [(gap, found) for gap in gaps if (found := _difference_of(gap.member))]
    redefined = sum(gap.is_redefined for gap, _ in findable)
    stopped = limits.too_many(len(findable) - redefined, looked_at)
    if stopped is None and not limits.is_dry_run:
        _write_down([*hers, *(gap for gap, _ in findable)], store, clock)
    return put_right(
        "contacts",
        [found for _, found in findable],
        looked_at=looked_at,
        dag_run_id=dag_run_id,
        limits=limits,
        store=store,
        now=now,
        expected=redefined,
        note="; ".join(_notes(hers=len(hers), redefined=redefined)) or None,
    )


def _notes(*, hers: int, redefined: int) -> Iterable[str]:
    if hers:
        yield f"{hers} have unsubscribed themselves or bounced"
    if redefined:
        yield f"{redefined} get the merge fields and tags that the policy has now"


def gap_of(member: Member, audience: Mapping[str, AudienceMember]) -> ContactGap | None:
    """Return how a member's contact differs from what it should be; None where it does not."""
    desired, contact = desired_contact_of(member), member.contact
    if desired is None:
        return None
    if contact is None or not is_satisfied(desired, contact):
        is_redefined = contact is not None and _is_redefined(desired, contact)
        seen = contact and replace(contact, applied_sha256=NOT_APPLIED)
        return ContactGap(member=member, seen=seen, is_redefined=is_redefined)
    found = audience.get(wanted_key(desired, contact))
    if found is None:  # of one that only she can make again, that is known
        is_gone = contact.status in HERS
        return None if is_gone else ContactGap(member=member, seen=None)
    return _gap_to(found, member, desired, contact)


def _is_redefined(desired: DesiredContact, contact: Contact) -> bool:
    """Tell whether a contact was made by other fields and tags; one that is known to differ is not."""
    is_known = contact.applied_sha256 != NOT_APPLIED
    return is_known and not desired.is_of_definition(contact.applied_sha256)


def _gap_to(
    found: AudienceMember, member: Member, desired: DesiredContact, contact: Contact
) -> ContactGap | None:
    managed = OUR_TAGS | desired.tags | contact.tags
    seen = replace(contact, tags=tags_in(found.tags, managed), applied_sha256=NOT_APPLIED)
    if contact.receives_mail and found.status in ("unsubscribed", "cleaned"):
        is_hers = replace(contact, status=ContactStatus.COMPLIANCE)
        return ContactGap(member=member, seen=is_hers, is_hers=True)
    if _status_differs(desired, contact, found) or not _shows(found, desired, managed):
        return ContactGap(member=member, seen=replace(seen, status=_status_seen(contact, found)))
    return None


def _status_differs(desired: DesiredContact, contact: Contact, found: AudienceMember) -> bool:
    """Tell whether somebody gets mail who should not, sleeps who should get it, or has confirmed or come back."""
    gets_mail = found.status in GETS_MAIL
    if gets_mail and not desired.subscribed:
        return not contact.is_reader
    if gets_mail:
        return STATUSES[found.status] is not contact.status
    return contact.receives_mail and (desired.subscribed or found.status not in ASLEEP)


def _status_seen(contact: Contact, found: AudienceMember) -> ContactStatus:
    """Return the status to write down; what she has decided herself is not taken for our doing."""
    is_hers = contact.status in HERS and found.status not in GETS_MAIL
    return contact.status if is_hers else STATUSES.get(found.status, contact.status)


def _shows(found: AudienceMember, desired: DesiredContact, managed: frozenset[str]) -> bool:
    """Tell whether tags and fields are as desired; tags that are not ours are nobody's business."""
    has_tags = not tag_changes(desired, has=tags_in(found.tags, managed))
    return (
        has_tags
        and all(  # a field that the audience lacks is the doctor's business; one may hold numbers
            str(found.merge_fields.get(name, value)) == value
            for name, value in desired.merge_fields.items()
        )
    )


def _write_down(gaps: Iterable[ContactGap], store: Store, clock: Clock) -> None:
    """Bring our record of contacts to what Mailchimp says, each unless it has changed since it was read."""
    for gap in gaps:
        member_id: UUID = gap.member.id
        with store.transaction():
            store.members.lock([member_id])
            current = store.members.read([member_id]).get(member_id)
            if current is None or current.contact != gap.member.contact:
                continue
            if gap.seen is None:
                store.contacts.delete([member_id])
            else:
                store.contacts.save({member_id: gap.seen}, now=clock.now())


def _all_members(store: Store) -> Iterable[list[Member]]:
    after: UUID | None = None
    while ids := store.members.ids_after(after, limit=BATCH_SIZE):
        yield list(store.members.read(ids).values())
        after = ids[-1]


def _keys_of(member: Member) -> set[str]:
    return {f"stripe:{member.stripe_customer_id}", f"clerk:{member.clerk_user_id}"}


def _difference_of(member: Member) -> ObjectDifference | None:
    """Return what of her is to be read again, so that she goes through the job: what can still change."""
    if member.stripe_customer_id:
        return repair.customer(member.stripe_customer_id)
    return repair.user(member.clerk_user_id) if member.clerk_user_id else None
