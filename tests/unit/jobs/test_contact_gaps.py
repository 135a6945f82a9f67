"""Which contact differs from what it should be, as far as that is pure."""

import pytest

from include.jobs.reconciliation.contacts import gap_of
from include.membership.desired_contact import desired_contact_of
from include.vendors.mailchimp.client import AudienceMember, subscriber_hash
from tests.factories import make_contact, make_member, make_membership


@pytest.mark.parametrize(("shown", "differs"), [(2026, False), ("2026", False), (2025, True)])
def test_field_that_holds_numbers_is_compared_by_what_it_shows(shown, differs):
    """The audience's field is of type number: Mailchimp answers 2026 to what was written as text."""
    member = make_member(memberships=(make_membership(tier="2026"),))
    key = subscriber_hash(member.email)
    desired = desired_contact_of(member)
    contact = make_contact(
        subscriber_hash=key, tags=desired.tags, applied_sha256=desired.sha256, is_reader=False
    )
    member = make_member(memberships=member.memberships, contact=contact)
    found = AudienceMember(
        hash=key,
        status="subscribed",
        tags=desired.tags,
        merge_fields={**desired.merge_fields, "TIER": shown},
        opted_in_at=None,
    )

    assert (gap_of(member, {key: found}) is not None) is differs
