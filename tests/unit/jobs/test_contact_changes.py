"""From wish and contact to calls: what is set, what is left alone, and what came of it."""

import pytest

from include.clients.mailchimp import subscriber_hash
from include.events import SubscriptionStatus
from include.jobs.contact_changes import (
    change_from,
    contact_left,
    must_wake,
    outcome_of,
    status_left,
)
from include.jobs.membership import is_satisfied, wish_of
from include.store.contacts import ContactStatus as Status
from include.store.run_members import Outcome
from tests.factories import make_contact, make_member, make_membership

ACTIVE = make_member()
ENDED = make_member(memberships=(make_membership(status=SubscriptionStatus.CANCELED),))
HASH = subscriber_hash("ada@example.org")


def a_change(member=ACTIVE, **contact):
    """Make the change of a member; with contact fields she has a contact."""
    had = make_contact(**{"subscriber_hash": HASH, **contact}) if contact else None
    return change_from(member.id, wish_of(member), had)


@pytest.mark.parametrize(
    ("member", "status", "is_set"),
    [
        (ACTIVE, None, None),
        (ACTIVE, Status.SUBSCRIBED, None),
        (ACTIVE, Status.PENDING, None),
        (ACTIVE, Status.UNSUBSCRIBED, "subscribed"),
        (ACTIVE, Status.COMPLIANCE, None),
        (ACTIVE, Status.FORGOTTEN, None),
        (ENDED, None, "unsubscribed"),
        (ENDED, Status.SUBSCRIBED, "unsubscribed"),
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
        (ENDED, Status.SUBSCRIBED, "unsubscribed", Status.UNSUBSCRIBED),
        (ENDED, Status.COMPLIANCE, "unsubscribed", Status.COMPLIANCE),
    ],
)
def test_answer_tells_whose_unsubscribe_it_is(member, was, answered, left):
    """Unsubscribed though we wished mail: she did it herself, and only she can undo it."""
    change = a_change(member, **({"status": was} if was else {}))

    assert status_left(change, answered) is left


@pytest.mark.parametrize(
    ("member", "was", "left", "outcome"),
    [
        (ACTIVE, None, Status.SUBSCRIBED, Outcome.CREATE),
        (ACTIVE, Status.SUBSCRIBED, Status.SUBSCRIBED, Outcome.UPDATE),
        (ACTIVE, Status.UNSUBSCRIBED, Status.SUBSCRIBED, Outcome.UPDATE),
        (ACTIVE, None, Status.COMPLIANCE, Outcome.TERMINAL),
        (ACTIVE, Status.SUBSCRIBED, Status.FORGOTTEN, Outcome.TERMINAL),
        (ENDED, Status.SUBSCRIBED, Status.UNSUBSCRIBED, Outcome.CANCEL),
        (ENDED, None, Status.UNSUBSCRIBED, Outcome.CANCEL),
        (ENDED, Status.UNSUBSCRIBED, Status.UNSUBSCRIBED, Outcome.UPDATE),
        (ENDED, Status.COMPLIANCE, Status.COMPLIANCE, Outcome.UPDATE),
    ],
)
def test_outcome_tells_what_happened(member, was, left, outcome):
    """Created, updated, canceled, or left where only she can go on."""
    change = a_change(member, **({"status": was} if was else {}))

    assert outcome_of(change, contact_left(change, left)) is outcome


def test_refused_contact_keeps_its_tags():
    """What Mailchimp refused was not tagged either: the tags to take are known when she is back."""
    change = a_change(ENDED, tags=frozenset({"active"}))

    assert contact_left(change, Status.COMPLIANCE, refused=True).tags == {"active"}


@pytest.mark.parametrize("status", list(Status))
def test_what_was_left_is_not_called_again(status):
    """After the calls nothing is to be called, however they ended: no hot loop on a refusal."""
    change = a_change(status=Status.SUBSCRIBED)

    assert is_satisfied(change.wish, contact_left(change, status))


def test_archived_contact_is_woken():
    """An archived contact keeps its status unless it is told one."""
    assert must_wake(a_change(), "archived")
    assert not must_wake(a_change(), "subscribed")
    assert not must_wake(a_change(ENDED), "archived")
