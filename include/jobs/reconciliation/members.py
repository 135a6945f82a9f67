"""Stripe's and Clerk's state beside the platform's tables.

Whether a member differs is not decided here: the vendor's state is applied to the members in memory, with the code that
the events go through, and what changes by that differs. Members whose events are under way are left out; their state
is about to change anyway.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from include.errors import MemberUnknownError
from include.jobs.directory import Directory
from include.jobs.membership import STANDINGS, Standing
from include.jobs.reconciliation import repair
from include.jobs.reconciliation.repair import parts_of, put_right
from include.store.members import Handle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from include.clients.clerk import Clerk
    from include.clients.stripe import Stripe
    from include.clock import Clock
    from include.events import CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
    from include.jobs.reconciliation.repair import Difference, Limits
    from include.store import Store
    from include.store.reconciliations import Finding

AT_ONCE = 100


def compare_stripe(
    *, dag_run_id: str, store: Store, stripe: Stripe, clock: Clock, limits: Limits
) -> Finding:
    """Compare Stripe's customers and subscriptions with ours, and have those read again that differ."""
    now, busy = clock.now(), store.inbox.busy_members()
    seen: set[str] = set()
    known = store.members.living_subscriptions()
    found: list[Difference] = []
    for customers in parts_of(stripe.list_customers(), AT_ONCE):
        seen |= {one.id for one in customers}
        idle = [one for one in customers if f"stripe:{one.id}" not in busy]
        found += _customers_that_differ(idle, store, now)
    for subscriptions in parts_of(stripe.list_subscriptions(), AT_ONCE):
        seen |= {one.id for one in subscriptions}
        idle_ones = [one for one in subscriptions if f"stripe:{one.customer_id}" not in busy]
        found += _subscriptions_that_differ(idle_ones, store, now)
    found += [
        repair.subscription(subscription_id, customer_id)
        for subscription_id, customer_id in known
        if subscription_id not in seen and f"stripe:{customer_id}" not in busy
    ]
    return put_right(
        "stripe_state",
        found,
        looked_at=len(seen | {subscription_id for subscription_id, _ in known}),
        dag_run_id=dag_run_id,
        limits=limits,
        store=store,
        now=now,
    )


def compare_clerk(
    *, dag_run_id: str, store: Store, clerk: Clerk, clock: Clock, limits: Limits
) -> Finding:
    """Compare Clerk's users with ours, and have those read again that differ."""
    now, busy = clock.now(), store.inbox.busy_members()
    seen: set[str] = set()
    known = store.members.living_users()
    found: list[Difference] = []
    for users in parts_of(clerk.list_users(), AT_ONCE):
        seen |= {one.id for one in users}
        idle = [one for one in users if f"clerk:{one.id}" not in busy]
        found += _users_that_differ(idle, store, now)
    found += [
        repair.user(user_id)
        for user_id in known
        if user_id not in seen and f"clerk:{user_id}" not in busy
    ]
    return put_right(
        "clerk_state",
        found,
        looked_at=len(seen.union(known)),
        dag_run_id=dag_run_id,
        limits=limits,
        store=store,
        now=now,
    )


def _customers_that_differ(
    customers: list[CustomerSnapshot], store: Store, now: datetime
) -> list[Difference]:
    """Compare customers that are members here; others are nobody's business before they subscribe."""
    directory = _directory_of([Handle("customer", one.id) for one in customers], store, now)
    return [
        repair.customer(one.id)
        for one in customers
        if directory.find("customer", one.id) is not None
        and _changes(directory, partial(directory.apply_customer, one))
    ]


def _subscriptions_that_differ(
    subscriptions: list[SubscriptionSnapshot], store: Store, now: datetime
) -> list[Difference]:
    handles = [Handle("subscription", one.id) for one in subscriptions]
    handles += [Handle("customer", one.customer_id) for one in subscriptions]
    directory = _directory_of(handles, store, now)
    ids = [one.id for one in subscriptions]
    directory.note_endings(store.deactivations.latest(ids), store.refunds.read(ids))
    return [
        repair.subscription(one.id, one.customer_id)
        for one in subscriptions
        if _subscription_differs(one, directory, now)
    ]


def _subscription_differs(
    subscription: SubscriptionSnapshot, directory: Directory, now: datetime
) -> bool:
    """Tell whether applying it changes anybody; one of somebody unknown does while it is alive."""
    try:
        return _changes(directory, partial(directory.apply_subscription, subscription, at=now))
    except MemberUnknownError:
        return STANDINGS[subscription.status] > Standing.ENDED


def _users_that_differ(users: list[UserSnapshot], store: Store, now: datetime) -> list[Difference]:
    handles = [Handle("user", one.id) for one in users]
    handles += [Handle("email", one.email.lower()) for one in users if one.email]
    directory = _directory_of(handles, store, now)
    return [
        repair.user(one.id)
        for one in users
        if _changes(directory, partial(directory.apply_user, one, at=now))
    ]


def _changes(directory: Directory, apply: Callable[[], object]) -> bool:
    """Tell whether applying a state changes anybody."""
    before = dict(directory.members)
    apply()
    return before != directory.members


def _directory_of(handles: Iterable[Handle], store: Store, now: datetime) -> Directory:
    """Return the members known by these, as they are, with what each has from Clerk."""
    members = store.members.read(store.members.find(set(handles)))
    directory = Directory(now)
    directory.add(members, {})
    for known in store.objects.of_members("clerk", list(members)).values():
        if known.member_id is not None and not known.is_final:
            directory.note_provided(known.member_id, known.provides)
    return directory
