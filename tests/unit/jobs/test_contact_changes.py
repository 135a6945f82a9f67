"""From the desired contact and the known one to calls: what is set, what is left alone, and what came of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from include.events import SubscriptionStatus
from include.jobs.mailchimp_sync.decide import (
    change_from,
    contact_left,
    contact_refused,
    is_reader,
    outcome_of,
    status_to_tell,
    tags_to_set,
)
from include.membership.contacts import ContactStatus as Status
from include.membership.desired_contact import desired_contact_of, is_satisfied
from include.store.run_members import MemberOutcome
from include.vendors.mailchimp.client import AudienceMember, subscriber_hash
from tests.factories import NOW, make_contact, make_member, make_membership

ACTIVE = make_member()
ENDED = make_member(memberships=(make_membership(status=SubscriptionStatus.CANCELED),))
HASH = subscriber_hash("ada@example.org")


def a_change(member=ACTIVE, **contact):
    """Make the change of a member; with contact fields she has a contact."""
    had = make_contact(**{"subscriber_hash": HASH, **contact}) if contact else None
    return change_from(replace(member, contact=had), desired_contact_of(member))


def found(status, *tags, opted_in_at=NOW):
    """Make what Mailchimp says of her contact."""
    return AudienceMember(
        hash=HASH, status=status, tags=frozenset(tags), merge_fields={}, opted_in_at=opted_in_at
    )


@pytest.mark.parametrize(
    ("member", "status", "is_set"),
    [
        (ACTIVE, None, None),
        (ACTIVE, Status.SUBSCRIBED, None),
        (ACTIVE, Status.PENDING, None),
        (ACTIVE, Status.UNSUBSCRIBED, "subscribed"),
        (ACTIVE, Status.COMPLIANCE, None),
        (ACTIVE, Status.FORGOTTEN, None),
        (ENDED, None, None),  # she may have been a reader: Mailchimp says so
        (ENDED, Status.SUBSCRIBED, None),  # the same
        (ENDED, Status.UNSUBSCRIBED, None),
        (ENDED, Status.COMPLIANCE, None),
    ],
)
def test_status_is_set_only_where_it_is_ours(member, status, is_set):
    """A routine upsert leaves the status alone: who unsubscribed herself is never subscribed anew."""
    change = a_change(member, **({"status": status} if status else {}))

    assert change.fields.status == is_set


def test_tags_are_given_and_taken():
    """Only tags that differ from what was left are called: those to give, and those to take."""
    change = a_change(ENDED, tags=frozenset({"active", "pro"}))

    assert change.tags == {"active": False, "pro": False, "alumni": True}


def test_new_address_moves_the_contact():
    """A contact left under another address is moved from its hash, not made a second time."""
    change = a_change(subscriber_hash="old")

    assert (change.move_from, change.is_plain) == ("old", False)


def test_address_in_other_case_is_the_same():
    """Mailchimp's key is the address in lower case: another spelling moves nothing."""
    shouting = make_member(email="ADA@EXAMPLE.ORG")

    assert a_change(shouting, tags=frozenset()).move_from is None


def test_retired_contact_at_her_own_address_stays():
    """A contact that a merge left over is not archived when it is where she is now."""
    assert a_change(retired=(HASH, "other")).archive == ("other",)


@pytest.mark.parametrize(
    ("member", "was", "answered", "left"),
    [
        (ACTIVE, None, "subscribed", Status.SUBSCRIBED),
        (ACTIVE, None, "pending", Status.PENDING),
        (ACTIVE, None, "unsubscribed", Status.COMPLIANCE),
        (ACTIVE, Status.COMPLIANCE, "subscribed", Status.SUBSCRIBED),
        (ACTIVE, None, "cleaned", Status.COMPLIANCE),
        (ACTIVE, None, "something new", Status.COMPLIANCE),
        (ENDED, None, "unsubscribed", Status.UNSUBSCRIBED),
        (ENDED, Status.SUBSCRIBED, "unsubscribed", Status.COMPLIANCE),
        (ENDED, Status.UNSUBSCRIBED, "unsubscribed", Status.UNSUBSCRIBED),
        (ENDED, Status.COMPLIANCE, "unsubscribed", Status.COMPLIANCE),
    ],
)
def test_answer_tells_whose_unsubscribe_it_is(member, was, answered, left):
    """Unsubscribed though not by us: she did it herself, and only she can undo it."""
    change = a_change(member, **({"status": was} if was else {}))

    assert contact_left(change, found(answered)).status is left


def test_unsubscribe_that_we_told_is_ours():
    """Whatever she was before: we may undo it."""
    change = a_change(ENDED, status=Status.SUBSCRIBED)

    left = contact_left(change, found("subscribed"), status="unsubscribed", told="unsubscribed")

    assert left.status is Status.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("member", "was", "left", "outcome"),
    [
        (ACTIVE, None, "subscribed", MemberOutcome.CREATE),
        (ACTIVE, Status.SUBSCRIBED, "subscribed", MemberOutcome.UPDATE),
        (ACTIVE, Status.UNSUBSCRIBED, "subscribed", MemberOutcome.UPDATE),
        (ACTIVE, None, "cleaned", MemberOutcome.TERMINAL),
        (ENDED, Status.SUBSCRIBED, "unsubscribed", MemberOutcome.CANCEL),
        (ENDED, None, "unsubscribed", MemberOutcome.CANCEL),
        (ENDED, Status.UNSUBSCRIBED, "unsubscribed", MemberOutcome.UPDATE),
        (ENDED, Status.COMPLIANCE, "unsubscribed", MemberOutcome.UPDATE),
    ],
)
def test_outcome_tells_what_happened(member, was, left, outcome):
    """Created, updated, canceled, or left where only she can go on."""
    change = a_change(member, **({"status": was} if was else {}))

    assert outcome_of(change, contact_left(change, found(left))) is outcome


def test_refused_contact_keeps_its_tags():
    """What Mailchimp refused was not tagged either: the tags to take are known when she is back."""
    change = a_change(ENDED, tags=frozenset({"active"}))

    assert contact_refused(change, Status.COMPLIANCE).tags == {"active"}
    assert contact_refused(change, Status.FORGOTTEN).tags == frozenset()


def test_refused_contact_at_another_address_has_no_tags():
    """Those that she had hang on the address she had."""
    change = a_change(subscriber_hash="old", tags=frozenset({"active"}))

    assert contact_refused(change, Status.COMPLIANCE).tags == frozenset()


@pytest.mark.parametrize("status", ["subscribed", "pending", "unsubscribed", "cleaned"])
def test_what_was_left_is_not_called_again(status):
    """After the calls nothing is to be called, however they ended: no hot loop on a refusal."""
    change = a_change(status=Status.SUBSCRIBED)

    assert is_satisfied(change.desired, contact_left(change, found(status)))
    assert is_satisfied(change.desired, contact_refused(change, Status.FORGOTTEN))


@pytest.mark.parametrize(
    ("member", "contact", "answer", "told"),
    [
        (ACTIVE, {}, found("archived"), "subscribed"),
        (ACTIVE, {}, found("subscribed"), None),
        (ENDED, {}, found("archived"), "unsubscribed"),
        (ENDED, {}, found("subscribed"), "unsubscribed"),
        (ENDED, {}, found("subscribed", opted_in_at=NOW - timedelta(days=1)), None),
        (ENDED, {"is_reader": True}, found("subscribed"), None),
        (ENDED, {"is_reader": False}, found("subscribed"), None),  # the upsert has told it
        (ENDED, {}, found("unsubscribed"), None),
    ],
)
def test_contact_is_told_its_status_where_the_upsert_could_not(member, contact, answer, told):
    """One that sleeps is woken; who gets mail without a membership, and was no reader before, gets none."""
    assert status_to_tell(a_change(member, **contact), answer) == told


@pytest.mark.parametrize(
    ("opted_in_at", "reads"),
    [
        (NOW - timedelta(days=1), True),
        (NOW - timedelta(seconds=30), False),  # the same moment, by another clock
        (NOW + timedelta(seconds=1), False),
        (None, False),
    ],
)
def test_reader_is_who_subscribed_before_she_was_a_member(opted_in_at, reads):
    """What is known stays, and an unsubscribed contact is nobody's newsletter."""
    assert is_reader(a_change(), found("subscribed", opted_in_at=opted_in_at)) is reads
    assert is_reader(a_change(is_reader=not reads), found("subscribed")) is not reads
    assert not is_reader(a_change(), found("unsubscribed", opted_in_at=opted_in_at))


def test_tags_that_are_nobodys_business_stay():
    """Ours are set by what Mailchimp has, in whatever case; others are neither given nor taken."""
    answer = found("subscribed", "Active", "alumni", "vip")

    assert tags_to_set(a_change(tags=frozenset()), answer) == {"alumni": False, "pro": True}
