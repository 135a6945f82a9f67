"""Apply: what the newest states make of the members, in the identity map alone; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.errors import MemberUnknownError, VendorError
from include.events import Checkout, CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
from include.events.rereads import ObjectKind
from include.membership.identity import account_named_by
from include.membership.states import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from uuid import UUID

    from include.jobs.mailchimp_sync.collect import ObjectUpdate, ObjectUpdates
    from include.membership.identity_map import IdentityMap
    from include.membership.policy import Policy


def apply_updates(
    updates: ObjectUpdates,
    identity_map: IdentityMap,
    *,
    policy: Policy,
    ask: Callable[[Collection[ObjectUpdate]], None],
) -> None:
    """Apply all updates: who she is before what she has, and in between who pays for whom.

    `ask` has a vendor asked about what turns out to be somebody's again. What fails is its update's `problem`.
    """
    for kind in (ObjectKind.USER, ObjectKind.CUSTOMER):
        _apply_all(updates, kind, identity_map)
    for row, _ in updates.rows:
        if isinstance(subject := row.event.subject, Checkout):
            identity_map.name_account(subject.customer_id, account_named_by(subject, policy))
    if moved := _moved(updates, identity_map):
        ask(moved)
    _apply_all(updates, ObjectKind.SUBSCRIPTION, identity_map)
    for update in updates:  # who is a member by what she pays for
        if update.kind is ObjectKind.CUSTOMER and isinstance(update.problem, MemberUnknownError):
            update.problem = None
            _apply(update, updates, identity_map)


def _apply_all(updates: ObjectUpdates, kind: ObjectKind, identity_map: IdentityMap) -> None:
    for update in updates:
        if update.kind is kind and update.problem is None:
            _apply(update, updates, identity_map)


def _apply(update: ObjectUpdate, updates: ObjectUpdates, identity_map: IdentityMap) -> None:
    try:
        if update.as_of is None:  # kept: whose it is, is known already
            update.member_id = update.known.member_id if update.known else None
        else:
            update.member_id = _applied(update, update.as_of, updates, identity_map)
    except (MemberUnknownError, VendorError) as error:
        update.problem = error


def _applied(
    update: ObjectUpdate, as_of: datetime, updates: ObjectUpdates, identity_map: IdentityMap
) -> UUID:
    match update.snapshot:
        case UserSnapshot() as user:
            return identity_map.apply_user(user, at=as_of)
        case CustomerSnapshot() as customer:
            return identity_map.apply_customer(customer)
        case SubscriptionSnapshot() as subscription:
            payer = updates.by_key.get(updates.customer_of(update, subscription))
            if payer is not None and isinstance(payer.problem, VendorError):
                raise payer.problem  # she could not be asked about
            return identity_map.apply_subscription(subscription, at=as_of)
        case None:
            return lose(update.kind, update.key.object_id, identity_map, at=as_of)


def lose(kind: ObjectKind, object_id: str, identity_map: IdentityMap, *, at: datetime) -> UUID:
    """Apply that a vendor does not know something any more: it is as one that was deleted."""
    match kind:
        case ObjectKind.SUBSCRIPTION:
            return identity_map.end_subscription(object_id, at=at)
        case ObjectKind.CUSTOMER:
            lost = CustomerSnapshot(id=object_id, email=None, name="", deleted=True)
            return identity_map.apply_customer(lost)
        case ObjectKind.USER:
            gone = UserSnapshot(id=object_id, email=None, first_name="", last_name="", deleted=True)
            return identity_map.apply_user(gone, at=at)


def _moved(updates: ObjectUpdates, identity_map: IdentityMap) -> list[ObjectUpdate]:
    """Return what a deleted account had paid for, now that it is somebody's again."""
    gone = [identity_map.known[lost] for lost in identity_map.merged if lost in identity_map.known]
    subscriptions = [
        updates.add(
            ObjectKey("stripe", updates.mode, membership.subscription_id or ""),
            ObjectKind.SUBSCRIPTION,
        )
        for one in gone
        if one.deleted_at
        for membership in one.memberships
    ]
    return [
        update for update in subscriptions if update.snapshot is None and update.problem is None
    ]
