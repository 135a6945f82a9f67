"""Which guest is which member."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.events import SubscriptionStatus as Status
from include.jobs.luma_auto_approval.decide import Denial, PlusAddressRule, Register, mailbox_of
from include.membership.members import Member, Membership

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ADDRESSES = st.text(alphabet="ab+.@A", min_size=1)


def member(email, *statuses, deleted_at=None):
    memberships = tuple(Membership(subscription_id=f"sub_{s}", status=s) for s in statuses)
    return Member(
        id=uuid4(), email=email, created_at=NOW, deleted_at=deleted_at, memberships=memberships
    )


def denial(guest, *members, rule=PlusAddressRule.DISTINCT):
    return Register(members, rule).denial(guest)


@pytest.mark.parametrize("guest", ["ada@example.org", "ADA@EXAMPLE.ORG", " Ada@example.org "])
def test_case_and_spaces_do_not_matter(guest):
    """People write their address as they like, on either side."""
    assert denial(guest, member("Ada@Example.org", Status.ACTIVE)) is None


@pytest.mark.parametrize(
    ("guest", "known"),
    [
        ("ada+luma@example.org", "ada@example.org"),
        ("ada@example.org", "ada+wdai@example.org"),
        ("Ada+a+b@example.org", "ADA+c@example.org"),
    ],
)
def test_plus_address_is_hers_only_by_rule(guest, known):
    """The same mailbox at most providers, somebody else's at some: a setting decides."""
    her = member(known, Status.ACTIVE)

    assert denial(guest, her, rule=PlusAddressRule.SAME) is None
    assert denial(guest, her) is Denial.UNKNOWN


def test_plus_alone_is_no_name():
    """Two addresses that begin with a plus have nothing in common but that."""
    assert mailbox_of("+ada@example.org", PlusAddressRule.SAME) == "+ada@example.org"


@given(ADDRESSES, st.sampled_from(PlusAddressRule))
def test_mailbox_is_a_normal_form(address, rule):
    """What was made comparable once stays as it is, whatever was written."""
    assert mailbox_of(mailbox_of(address, rule), rule) == mailbox_of(address, rule)


@pytest.mark.parametrize(
    ("statuses", "why"),
    [
        ([Status.ACTIVE], None),
        ([Status.TRIALING], None),
        ([Status.CANCELED, Status.ACTIVE], None),
        ([Status.PAST_DUE], None),
        ([Status.PAUSED], Denial.NOT_ACTIVE),
        ([Status.CANCELED], Denial.NOT_ACTIVE),
        ([], Denial.NOT_ACTIVE),
    ],
)
def test_only_an_active_membership_opens_the_door(statuses, why):
    """The best of her memberships counts; who owes a payment has her grace."""
    assert denial("ada@example.org", member("ada@example.org", *statuses)) is why


def test_two_members_of_one_mailbox():
    """By the plus rule two accounts may be one person: one active membership is enough."""
    two = [member("ada+old@example.org", Status.CANCELED), member("ada@example.org", Status.ACTIVE)]

    assert denial("ada+new@example.org", *two, rule=PlusAddressRule.SAME) is None


def test_deleted_account_is_no_member():
    """Whatever her subscription says."""
    gone = member("ada@example.org", Status.ACTIVE, deleted_at=NOW)

    assert denial("ada@example.org", gone) is Denial.NOT_ACTIVE


def test_guest_without_address_is_nobody():
    """Nothing to match by: not even a member without an address."""
    assert denial(None, member(None, Status.ACTIVE)) is Denial.NO_ADDRESS
