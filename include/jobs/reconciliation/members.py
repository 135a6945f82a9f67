"""Stripe's and Clerk's state beside the platform's tables.

Whether a member differs is not decided here: the vendor's state is applied to the members in memory, with the code that
the events go through, and what changes by that differs. Members whose events are under way are left out; their state
is about to change anyway.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from include.batches import batches
from include.errors import MemberUnknownError
from include.jobs.mailchimp_sync.apply import lose
from include.jobs.reconciliation import repair
from include.jobs.reconciliation.repair import ObjectDifference, put_right
from include.jobs.reconciliation.unnamed import tell_of_unnamed, unnamed_prices
from include.membership.end_rules import EndHistory, membership_from
from include.membership.explain import reasons
from include.membership.identity_map import IdentityMap
from include.membership.members import ExternalId, Member
from include.membership.plans import placement_of
from include.membership.policy import shipped
from include.membership.standing import STANDINGS, Standing
from include.vendors.stripe.client import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from include.clock import Clock
    from include.events import CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
    from include.jobs.reconciliation.repair import RepairLimits
    from include.membership.members import Membership
    from include.store import Store
    from include.store.reconciliations import CheckFinding
    from include.vendors.clerk.client import Clerk
    from include.vendors.stripe.client import Stripe

BATCH_SIZE = 100
MemberChange = tuple[Member | None, Member | None]  # before and after


class Compared(NamedTuple):
    """What differs of so many objects that were looked at."""

    differences: list[ObjectDifference]
    looked_at: int
    unnamed: Mapping[str, int] = MappingProxyType({})  # price on no plan → living subscriptions


def compare_stripe(
    *, dag_run_id: str, store: Store, stripe: Stripe, clock: Clock, limits: RepairLimits
) -> CheckFinding:
    """Compare Stripe's customers and subscriptions with ours, and have those read again that differ."""
    now = clock.now()
    found = stripe_differences(store, stripe, now, is_dry_run=limits.is_dry_run)
    if not limits.is_dry_run:
        tell_of_unnamed(found.unnamed, dag_run_id=dag_run_id, store=store, now=now)
    return put_right(
        "stripe_state",
        found.differences,
        looked_at=found.looked_at,
        dag_run_id=dag_run_id,
        limits=limits,
        store=store,
        now=now,
    )


def compare_clerk(
    *, dag_run_id: str, store: Store, clerk: Clerk, clock: Clock, limits: RepairLimits
) -> CheckFinding:
    """Compare Clerk's users with ours, and have those read again that differ."""
    now = clock.now()
    found = clerk_differences(store, clerk, now, is_dry_run=limits.is_dry_run)
    return put_right(
        "clerk_state",
        found.differences,
        looked_at=found.looked_at,
        dag_run_id=dag_run_id,
        limits=limits,
        store=store,
        now=now,
    )


def stripe_differences(
    store: Store, stripe: Stripe, now: datetime, *, is_dry_run: bool
) -> Compared:
    """Return which of Stripe's customers and subscriptions are not as ours are."""
    busy, seen = store.inbox.busy_members(), set[str]()
    known = store.members.living_subscriptions()
    named = [one for one in store.members.named_customers() if not one.startswith(ACCOUNT)]
    found: list[ObjectDifference] = []
    unnamed, policy = Counter[str](), shipped()
    for customers in batches(stripe.list_customers(), BATCH_SIZE):
        seen |= {one.id for one in customers}
        idle = [one for one in customers if f"stripe:{one.id}" not in busy]
        found += _customers_that_differ(idle, store, now)
    for subscriptions in batches(stripe.list_subscriptions(), BATCH_SIZE):
        seen |= {one.id for one in subscriptions}
        unnamed.update(p for one in subscriptions for p in unnamed_prices(one, policy))
        idle_ones = [one for one in subscriptions if f"stripe:{one.customer_id}" not in busy]
        found += _subscriptions_that_differ(idle_ones, store, now, is_dry_run=is_dry_run)
    gone = [
        repair.subscription(subscription_id, customer_id)
        for subscription_id, customer_id in known
        if subscription_id not in seen and f"stripe:{customer_id}" not in busy
    ]
    gone += [  # deleted, long ago perhaps: a row names no customer who is not there
        repair.customer(one) for one in named if one not in seen and f"stripe:{one}" not in busy
    ]
    found += _meaning_of(gone, store, now)
    looked_at = len(seen.union(named, (subscription_id for subscription_id, _ in known)))
    return Compared(differences=found, looked_at=looked_at, unnamed=unnamed)


def clerk_differences(store: Store, clerk: Clerk, now: datetime, *, is_dry_run: bool) -> Compared:
    """Return which of Clerk's users are not as ours are."""
    busy, seen = store.inbox.busy_members(), set[str]()
    known = store.members.living_users()
    found: list[ObjectDifference] = []
    for users in batches(clerk.list_users(), BATCH_SIZE):
        seen |= {one.id for one in users}
        idle = [one for one in users if f"clerk:{one.id}" not in busy]
        found += users_that_differ(idle, store, now, is_dry_run=is_dry_run)
    gone = [
        repair.user(user_id)
        for user_id in known
        if user_id not in seen and f"clerk:{user_id}" not in busy
    ]
    found += _meaning_of(gone, store, now)
    return Compared(differences=found, looked_at=len(seen.union(known)))


def _meaning_of(
    gone: Iterable[ObjectDifference], store: Store, now: datetime
) -> list[ObjectDifference]:
    """Return what a vendor does not list any more, each with what becomes of its member if it is not there."""
    found = []
    for part in batches(gone, BATCH_SIZE):
        external_ids = [ExternalId(one.reread.kind, one.reread.id) for one in part]
        identity_map = _directory_of(_members_of(external_ids, store), store, now)
        ids = [one.reread.id for one in part]
        identity_map.note_endings(store.deactivations.latest(ids), store.refunds.read(ids))
        for one in part:
            lost = partial(lose, one.reread.kind, one.reread.id, identity_map, at=now)
            change = _change(identity_map, lost)
            meant = one.meaning(*change) if change else one
            found.append(replace(meant, why=("the vendor does not list it any more",)))
    return found


def _customers_that_differ(
    customers: list[CustomerSnapshot], store: Store, now: datetime
) -> list[ObjectDifference]:
    """Compare customers that are members here; others are nobody's business before they subscribe."""
    members = _members_of([ExternalId("customer", one.id) for one in customers], store)
    identity_map = _directory_of(members, store, now)
    return [
        repair.customer(one.id).meaning(*change)
        for one in customers
        if identity_map.find("customer", one.id) is not None
        and (change := _change(identity_map, partial(identity_map.apply_customer, one))) is not None
    ]


def _subscriptions_that_differ(
    subscriptions: list[SubscriptionSnapshot], store: Store, now: datetime, *, is_dry_run: bool
) -> list[ObjectDifference]:
    external_ids = [ExternalId("subscription", one.id) for one in subscriptions]
    external_ids += [ExternalId("customer", one.customer_id) for one in subscriptions]
    members = with_facts(_members_of(external_ids, store), subscriptions)
    if not is_dry_run:
        store.members.note_facts(members.values())
    identity_map = _directory_of(members, store, now)
    ids = [one.id for one in subscriptions]
    identity_map.note_endings(store.deactivations.latest(ids), store.refunds.read(ids))
    return [
        replace(
            repair.subscription(one.id, one.customer_id).meaning(*change),
            why=tuple(reasons(one, identity_map.policy)),
        )
        for one in subscriptions
        if (change := _subscription_change(one, identity_map, now)) is not None
    ]


def with_facts(
    members: Mapping[UUID, Member], subscriptions: Iterable[SubscriptionSnapshot]
) -> dict[UUID, Member]:
    """Return members with what was not written down of their subscriptions before: that is no difference."""
    told = {one.id: one for one in subscriptions}

    def with_fact(membership: Membership) -> Membership:
        one = told.get(membership.subscription_id or "")
        if one is None:
            return membership
        keyed_price = membership.keyed_price or placement_of(one, shipped()).keyed_price
        membership = replace(membership, keyed_price=keyed_price)
        if membership.customer_id is not None:
            return membership
        is_owing = STANDINGS[membership.status] is Standing.PAST_DUE
        return replace(
            membership,
            customer_id=one.customer_id,
            past_due_since=one.unpaid_since if is_owing else None,
            is_fixed_term=one.is_fixed_term,
        )

    return {
        member.id: replace(member, memberships=tuple(map(with_fact, member.memberships)))
        for member in members.values()
    }


def _subscription_change(
    subscription: SubscriptionSnapshot, identity_map: IdentityMap, now: datetime
) -> MemberChange | None:
    """Return how applying it changes a member; one of somebody unknown does if it makes a member."""
    try:
        return _change(identity_map, partial(identity_map.apply_subscription, subscription, at=now))
    except MemberUnknownError:
        if identity_map.reason_against(subscription) is not None:
            return None
        membership = membership_from(
            subscription, tier="", before=None, history=EndHistory(), at=now, now=now
        )
        return None, Member(id=UUID(int=0), created_at=now, memberships=(membership,))


def users_that_differ(
    users: list[UserSnapshot], store: Store, now: datetime, *, is_dry_run: bool
) -> list[ObjectDifference]:
    """Return the users that our tables have otherwise, or not at all."""
    external_ids = [ExternalId("user", one.id) for one in users]
    external_ids += [ExternalId("email", address) for one in users for address in one.addresses]
    members = with_addresses(_members_of(external_ids, store), users)
    if not is_dry_run:
        store.members.note_facts(members.values())
    identity_map = _directory_of(members, store, now)
    return [
        repair.user(one.id).meaning(*change)
        for one in users
        if (change := _change(identity_map, partial(identity_map.apply_user, one, at=now)))
        is not None
    ]


def with_addresses(
    members: Mapping[UUID, Member], users: Iterable[UserSnapshot]
) -> dict[UUID, Member]:
    """Return members with the verified addresses that were not written down before: that is no difference."""
    told = {one.id: frozenset(one.addresses) for one in users}
    return {
        member.id: member
        if member.addresses or member.clerk_user_id not in told
        else replace(member, addresses=told[member.clerk_user_id])
        for member in members.values()
    }


def _change(identity_map: IdentityMap, apply: Callable[[], UUID]) -> MemberChange | None:
    """Return the member that applying a state is about, before and after; None where it changes nobody."""
    before = dict(identity_map.members)
    member_id = apply()
    if before == identity_map.members:
        return None
    return before.get(member_id), identity_map.members[identity_map.resolve(member_id)]


def _members_of(external_ids: Iterable[ExternalId], store: Store) -> dict[UUID, Member]:
    """Return the members known by these, as they are."""
    return store.members.read(store.members.find(set(external_ids)))


def _directory_of(members: Mapping[UUID, Member], store: Store, now: datetime) -> IdentityMap:
    """Return an identity map of members, with what each has from Clerk."""
    identity_map = IdentityMap(now, shipped())
    identity_map.add(members, {})
    for known in store.objects.of_members("clerk", list(members)).values():
        if known.member_id is not None and not known.is_final:
            identity_map.note_provided(known.member_id, known.provides)
    return identity_map
