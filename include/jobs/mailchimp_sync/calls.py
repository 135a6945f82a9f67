"""The calls that make contacts as desired: single ones, or for many members in bulk."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from include.errors import (
    AddressTakenError,
    ComplianceError,
    ForgottenError,
    PermanentVendorError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
)
from include.jobs.mailchimp_sync.decide import (
    OUR_TAGS,
    contact_left,
    contact_refused,
    fields_of_new_contact,
    status_to_tell,
    tags_to_set,
)
from include.membership.contacts import Contact, ContactStatus
from include.vendors.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from include.jobs.mailchimp_sync.decide import ContactChange
    from include.vendors.mailchimp.client import AudienceMember, ContactFields, Mailchimp

CallResult = Contact | VendorError


def apply_single(change: ContactChange, mailchimp: Mailchimp) -> Contact:
    """Make one member's contact as desired, and return how it was left. May be repeated.

    A contact that Mailchimp will not rename, for whatever reason, is left behind: first her new address has
    all that is hers, then the old contact loses it.
    """
    is_moved = change.move_from is None or _moved(change.move_from, change, mailchimp)
    left_behind = None if is_moved else change.move_from
    try:
        left = _upserted(change, left_behind, mailchimp)
    except (ForgottenError, ComplianceError) as error:
        left = contact_refused(change, _status_of(error))
    except VendorNotFoundError:
        if change.fields.email:
            raise
        left = contact_refused(change, ContactStatus.FORGOTTEN)
    for old_hash in filter(None, (left_behind, *change.archive)):
        _retire(old_hash, change, mailchimp)
    return left


def apply_in_bulk(
    changes: Sequence[ContactChange], mailchimp: Mailchimp, *, width: int
) -> dict[int, CallResult]:
    """Make up to 500 plain changes with a call per hundreds of members and one per tag.

    Returns the answers by position. Positions without one are left to single calls: contacts that
    Mailchimp knew and we did not, those that are asleep, and those that a status was refused for.
    """
    answers: dict[int, CallResult] = {}
    upserted: dict[int, AudienceMember] = {}
    for position, said in _upsert_all(changes, mailchimp).items():
        change = changes[position]
        if isinstance(said, ForgottenError):
            answers[position] = contact_refused(change, _status_of(said))
        elif isinstance(said, VendorError):
            if not isinstance(said, AddressTakenError | ComplianceError):
                answers[position] = said
        elif status_to_tell(change, said) is None:
            upserted[position] = said
    failed = _tag_all({p: changes[p] for p in upserted}, mailchimp, width=width)
    for position, said in upserted.items():
        answers[position] = failed.get(position) or contact_left(changes[position], said)
    return answers


def _upsert_all(
    changes: Sequence[ContactChange], mailchimp: Mailchimp
) -> dict[int, AudienceMember | VendorError]:
    """Upsert in two calls: contacts new to us must not overwrite what Mailchimp knows of them."""
    said: dict[int, AudienceMember | VendorError] = {}
    for is_known in (False, True):
        part = [p for p, change in enumerate(changes) if (change.contact is not None) == is_known]
        if not part:
            continue
        fields = [changes[p].fields if is_known else _told(changes[p].fields) for p in part]
        try:
            answer = mailchimp.upsert_members(fields, update_existing=is_known)
        except VendorError as error:
            said |= dict.fromkeys(part, error)
            continue
        missing = VendorUnavailableError("Mailchimp's bulk answer leaves the member out")
        said |= {p: answer.get(changes[p].fields.email, missing) for p in part}
    return said


def _tag_all(
    changes: dict[int, ContactChange], mailchimp: Mailchimp, *, width: int
) -> dict[int, VendorError]:
    """Give and take each tag for all at once; return the positions for which it failed."""
    wanted: dict[str, dict[bool, list[int]]] = defaultdict(lambda: {True: [], False: []})
    for position, change in changes.items():
        for tag, is_on in change.tags.items():
            wanted[tag][is_on].append(position)
    if not wanted:
        return {}
    try:
        ids = _tag_ids([tag for tag, who in wanted.items() if who[True]], mailchimp)
    except VendorError as error:
        return {p: error for p, change in changes.items() if change.tags}
    tags = [tag for tag in wanted if tag.casefold() in ids]  # the others nobody has

    def change_tag(tag: str) -> set[str]:
        tag_id = ids[tag.casefold()]
        if isinstance(tag_id, VendorError):
            raise tag_id
        give, take = (
            [changes[position].fields.email for position in wanted[tag][is_on]]
            for is_on in (True, False)
        )
        return mailchimp.change_tag(tag_id, give=give, take=take)

    answers = fan_out(change_tag, tags, width=width)
    return {
        position: answer if isinstance(answer, VendorError) else _NOT_TAGGED
        for tag, answer in zip(tags, answers, strict=True)
        for position in (*wanted[tag][True], *wanted[tag][False])
        if isinstance(answer, VendorError) or changes[position].fields.email in answer
    }


_NOT_TAGGED = VendorUnavailableError("Mailchimp did not find the contact for its tag")


def _tag_ids(needed: Iterable[str], mailchimp: Mailchimp) -> dict[str, int | VendorError]:
    """Return the ids of all tags, by name without case; needed ones that are missing are made, or say why not."""
    ids: dict[str, int | VendorError] = _by_name(mailchimp.list_tags())
    for tag in needed:
        if tag.casefold() not in ids:
            try:
                ids[tag.casefold()] = mailchimp.create_tag(tag)
            except PermanentVendorError as error:  # another run may have been faster
                ids = {tag.casefold(): error, **_by_name(mailchimp.list_tags())}
    return ids


def _by_name(tags: Mapping[str, int]) -> dict[str, int | VendorError]:
    return {name.casefold(): number for name, number in tags.items()}


def _moved(old_hash: str, change: ContactChange, mailchimp: Mailchimp) -> bool:
    """Give the contact its new address; False where Mailchimp will not, whatever it says.

    The address may be a contact already, the old contact may be gone, and only a subscribed one can be renamed.
    """
    try:
        mailchimp.move_member(old_hash, change.fields.email)
    except PermanentVendorError:
        return False
    return True


def _upserted(change: ContactChange, left_behind: str | None, mailchimp: Mailchimp) -> Contact:
    """Make the contact of her address as desired; one that takes another's place gets what is hers there."""
    fields = change.fields
    if left_behind is not None:
        fields = fields_of_new_contact(change, _read_or_none(left_behind, mailchimp))
    found = last = _upsert(change, fields, mailchimp)
    told = status_to_tell(change, found)
    if told is not None:
        last = _upsert(change, replace(fields, status=told), mailchimp)
    if tags := tags_to_set(change, last):
        mailchimp.set_tags(change.key, tags, is_silent=change.mails_nobody)
    return contact_left(change, found, status=last.status, told=told)


def _upsert(change: ContactChange, fields: ContactFields, mailchimp: Mailchimp) -> AudienceMember:
    """Upsert; where only she can change her status, everything but that."""
    if not fields.email:
        return mailchimp.update_member(change.key, fields)
    try:
        return mailchimp.upsert_member(fields)
    except ComplianceError as error:
        if fields.status is None or isinstance(error, ForgottenError):
            raise
        return mailchimp.upsert_member(replace(fields, status=None))


def _read_or_none(old_hash: str, mailchimp: Mailchimp) -> AudienceMember | None:
    try:
        return mailchimp.read_member(old_hash)
    except VendorNotFoundError:
        return None


def _retire(old_hash: str, change: ContactChange, mailchimp: Mailchimp) -> None:
    """Take the tags of members from a contact that is hers no more, and archive it."""
    had = change.contact.tags if change.contact else frozenset()
    tags = dict.fromkeys(sorted(OUR_TAGS | change.desired.tags | had), False)
    with suppress(VendorNotFoundError):
        mailchimp.set_tags(old_hash, tags, is_silent=change.mails_nobody)
    with suppress(PermanentVendorError):  # not there, or archived already
        mailchimp.archive_member(old_hash)


def _told(fields: ContactFields) -> ContactFields:
    """Return the fields with the status set that they had for a new contact."""
    return replace(fields, status=fields.status or fields.status_if_new)


def _status_of(error: ComplianceError) -> ContactStatus:
    is_gone = isinstance(error, ForgottenError)
    return ContactStatus.FORGOTTEN if is_gone else ContactStatus.COMPLIANCE
