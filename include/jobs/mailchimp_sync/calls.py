"""The calls that make contacts as wished: single ones, or for many members in bulk."""

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
from include.jobs.contact_changes import contact_left, must_wake, status_left
from include.jobs.fan_out import fan_out
from include.store.contacts import Contact, ContactStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from include.clients.mailchimp import ContactFields, Mailchimp
    from include.jobs.contact_changes import ContactChange

Answer = Contact | VendorError


def apply_single(change: ContactChange, mailchimp: Mailchimp) -> Contact:
    """Make one member's contact as wished, and return how it was left. May be repeated."""
    for old_hash in change.archive:
        _archive(old_hash, mailchimp)
    tags = change.tags
    try:
        if change.move_from is not None and not _moved(change, change.move_from, mailchimp):
            tags = dict.fromkeys(change.wish.tags, True)
        answered = mailchimp.upsert_member(change.fields)
        if must_wake(change, answered):
            answered = mailchimp.upsert_member(_told(change.fields))
    except ComplianceError as error:
        return contact_left(change, _status_of(error), refused=True)
    if tags:
        mailchimp.set_tags(change.wish.email, tags)
    return contact_left(change, status_left(change, answered))


def apply_in_bulk(
    changes: Sequence[ContactChange], mailchimp: Mailchimp, *, width: int
) -> dict[int, Answer]:
    """Make up to 500 plain changes with a call per hundreds of members and one per tag.

    Returns the answers by position. Positions without one are left to single calls: contacts that
    Mailchimp knew and we did not, and those that are asleep.
    """
    answers: dict[int, Answer] = {}
    upserted: dict[int, str] = {}
    for position, said in _upsert_all(changes, mailchimp).items():
        change = changes[position]
        if isinstance(said, ComplianceError):
            answers[position] = contact_left(change, _status_of(said), refused=True)
        elif isinstance(said, VendorError):
            if not isinstance(said, AddressTakenError):
                answers[position] = said
        elif not must_wake(change, said):
            upserted[position] = said
    failed = _tag_all({p: changes[p] for p in upserted}, mailchimp, width=width)
    for position, said in upserted.items():
        status = status_left(changes[position], said)
        answers[position] = failed.get(position) or contact_left(changes[position], status)
    return answers


def _upsert_all(
    changes: Sequence[ContactChange], mailchimp: Mailchimp
) -> dict[int, str | VendorError]:
    """Upsert in two calls: contacts new to us must not overwrite what Mailchimp knows of them."""
    said: dict[int, str | VendorError] = {}
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
        said |= {p: answer.get(changes[p].wish.email.lower(), missing) for p in part}
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
    tags = [tag for tag in wanted if tag in ids]

    def change_tag(tag: str) -> set[str]:
        give, take = (
            [changes[position].wish.email for position in wanted[tag][is_on]]
            for is_on in (True, False)
        )
        return mailchimp.change_tag(ids[tag], give=give, take=take)

    answers = fan_out(change_tag, tags, width=width)
    return {
        position: answer if isinstance(answer, VendorError) else _NOT_TAGGED
        for tag, answer in zip(tags, answers, strict=True)
        for position in (*wanted[tag][True], *wanted[tag][False])
        if isinstance(answer, VendorError) or changes[position].wish.email.lower() in answer
    }


_NOT_TAGGED = VendorUnavailableError("Mailchimp did not find the contact for its tag")


def _tag_ids(needed: Iterable[str], mailchimp: Mailchimp) -> dict[str, int]:
    """Return the ids of all tags; needed ones that are missing are made."""
    ids = mailchimp.list_tags()
    for tag in needed:
        if tag not in ids:
            try:
                ids[tag] = mailchimp.create_tag(tag)
            except PermanentVendorError:  # another run was faster
                ids = mailchimp.list_tags()
    return ids


def _moved(change: ContactChange, old_hash: str, mailchimp: Mailchimp) -> bool:
    """Give the contact its new address, and tell whether it is the same contact with the same tags.

    Where the address is a contact already, that one is taken over and the old one archived.
    """
    try:
        mailchimp.move_member(old_hash, change.wish.email)
    except AddressTakenError:
        _archive(old_hash, mailchimp)
        return False
    except VendorNotFoundError:
        return False
    return True


def _archive(old_hash: str, mailchimp: Mailchimp) -> None:
    with suppress(PermanentVendorError):  # not there, or archived already
        mailchimp.archive_member(old_hash)


def _told(fields: ContactFields) -> ContactFields:
    """Return the fields with the status set that they had for a new contact."""
    return replace(fields, status=fields.status or fields.status_if_new)


def _status_of(error: ComplianceError) -> ContactStatus:
    is_gone = isinstance(error, ForgottenError)
    return ContactStatus.FORGOTTEN if is_gone else ContactStatus.COMPLIANCE
