"""Members who are there before a measurement begins: at the platform alone, or as a sync has left them.

Nine of ten webhooks of a community are about members whom we have synced before. A bench whose members
we meet for the first time would measure what Mailchimp's single calls take.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg

from include.clock import SystemClock
from include.events import SubscriptionStatus
from include.membership.contacts import Contact, ContactStatus
from include.membership.desired_contact import desired_contact_of
from include.membership.members import Member, Membership
from include.membership.states import AppliedObject, ObjectKey
from include.store import Store
from include.vendors.mailchimp.client import subscriber_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from include.lab.bench.sandbox import BenchMember

AGO = timedelta(days=30)  # since when they are members; events are newer than what is known
MODE = "test"  # the sandbox's
USERS = """
INSERT INTO public.users (email, clerk_user_id, stripe_customer_id, first_name, last_name)
VALUES (%(email)s, %(clerk_user_id)s, %(stripe_customer_id)s, %(first_name)s, %(last_name)s)
"""
MEMBERSHIPS = """
INSERT INTO public.memberships (user_id, stripe_subscription_id, status, tier, first_active_at)
SELECT id, %(stripe_subscription_id)s, 'active', %(tier)s, now()
FROM public.users WHERE stripe_customer_id = %(stripe_customer_id)s
"""


def enrol_at_platform(database_url: str, members: Sequence[BenchMember]) -> None:
    """Make members known to the platform alone, as active ones: plain Airflow keeps nothing else."""
    rows = [asdict(one) for one in members]
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.executemany(USERS, rows)
        cursor.executemany(MEMBERSHIPS, rows)


def enrol_synced(database_url: str, members: Sequence[BenchMember]) -> None:
    """Make members known to the platform and to us, as active ones whose last sync is long over."""
    at = SystemClock().now() - AGO
    known = [_known(one, at) for one in members]
    with closing(Store.connect(database_url)) as store, store.transaction():
        store.members.save(known, known={}, now=at)
        store.objects.save([one for member in known for one in _objects(member, at)])
        store.contacts.save({member.id: _contact(member) for member in known}, now=at)


def _known(member: BenchMember, at: datetime) -> Member:
    membership = Membership(
        subscription_id=member.stripe_subscription_id,
        status=SubscriptionStatus.ACTIVE,
        tier=member.tier,
        first_active_at=at,
        customer_id=member.stripe_customer_id,
    )
    return Member(
        id=uuid4(),
        email=member.email,
        clerk_user_id=member.clerk_user_id,
        stripe_customer_id=member.stripe_customer_id,
        first_name=member.first_name,
        last_name=member.last_name,
        created_at=at,
        addresses=frozenset({member.email}),
        memberships=(membership,),
    )


def _objects(member: Member, at: datetime) -> Iterator[AppliedObject]:
    """Yield the newest states that were applied: of her account, her customer and her subscription."""
    [membership] = member.memberships
    ids = (
        ("clerk", member.clerk_user_id),
        ("stripe", member.stripe_customer_id),
        ("stripe", membership.subscription_id),
    )
    for provider, object_id in ids:
        yield AppliedObject(
            key=ObjectKey(provider, MODE, object_id or ""),
            member_id=member.id,
            as_of=at,
            event_id=None,
            is_final=False,
            provides=frozenset({"email", "name"} if provider == "clerk" else ()),
        )


def _contact(member: Member) -> Contact:
    """Return her contact as Mailchimp has it; she read no newsletter before."""
    desired = desired_contact_of(member)
    if desired is None:
        raise AssertionError("an active member has a contact")
    return Contact(
        subscriber_hash=subscriber_hash(member.email or ""),
        status=ContactStatus.SUBSCRIBED,
        tags=desired.tags,
        retired=(),
        applied_sha256=desired.sha256,
        is_reader=False,
    )
