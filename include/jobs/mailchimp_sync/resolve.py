"""Resolve: who the members are, under their locks, and which state of each object is the newest there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from include.errors import VendorError
from include.events import CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
from include.events.rereads import ObjectKind
from include.jobs.mailchimp_sync.vendors import ObjectReading, VendorReader
from include.membership.identity import account_named_by
from include.membership.members import ExternalId
from include.membership.plans import SubscriptionKind as Placing
from include.membership.plans import placement_of
from include.membership.states import ObjectKey, Resolution, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from include.events import Snapshot
    from include.jobs.mailchimp_sync.collect import ObjectUpdate, ObjectUpdates
    from include.membership.identity_map import IdentityMap
    from include.membership.policy import Policy
    from include.membership.states import AppliedObject
    from include.store import Store


@dataclass(frozen=True)
class Resolver:
    """Fills the identity map with everybody whom a chunk's updates lead to, and updates with their newest states."""

    updates: ObjectUpdates
    identity_map: IdentityMap
    store: Store
    vendors: VendorReader
    policy: Policy

    def resolve(self) -> None:
        """Find and lock the members, resolve what was told, and ask about what only a vendor knows."""
        self._lock_and_read(_external_ids(self.updates))
        self._judge()
        self.ask([update for update in self.updates if update.resolution is Resolution.ASK])
        self._meet_customers()
        self._meet_earlier_subscriptions()
        self._note_endings()

    def ask(self, updates: Collection[ObjectUpdate]) -> None:
        """Ask the vendors; what they say is the newest state there is."""
        answers = self.vendors.ask({update.key: update.kind for update in updates})
        for update in updates:
            answer = answers[update.key]
            if isinstance(answer, ObjectReading):
                newest = max(
                    (report.occurred_at for report in update.reports), default=answer.read_at
                )
                update.snapshot, update.as_of = answer.snapshot, max(answer.read_at, newest)
            else:
                update.problem = answer
        external_ids = {
            ExternalId("email", one) for update in updates for one in _addresses_in(update.snapshot)
        }
        if external_ids:
            self._lock_and_read(external_ids)

    # --- who that is ---

    def _lock_and_read(self, external_ids: Collection[ExternalId]) -> None:
        """Lock the members these external ids and the known objects lead to, then read both."""
        store, identity_map = self.store, self.identity_map
        locked = set(identity_map.known)
        while True:
            objects = store.objects.read(list(self.updates.by_key))
            owners = {known.member_id for known in objects.values() if known.member_id}
            found = store.members.find(external_ids) | owners
            if found <= locked:
                break
            store.members.lock(found - locked)
            locked |= found
        members = store.members.read(locked - set(identity_map.known))
        identity_map.add(members, {})
        for key, known in objects.items():
            self.updates.by_key[key].known = self._with_living_owner(known)
        identity_map.add({}, _known_customers(self.updates))
        for user in store.objects.of_members("clerk", list(members)).values():
            if user.member_id is not None and not user.is_final:
                identity_map.note_provided(user.member_id, user.provides)

    def _with_living_owner(self, known: AppliedObject) -> AppliedObject:
        """Return an object without its member, if the platform has deleted her row."""
        is_there = known.member_id is None or known.member_id in self.identity_map.members
        return known if is_there else replace(known, member_id=None)

    # --- which state wins ---

    def _judge(self) -> None:
        for update in self.updates:
            if not update.reports:  # something names the user: ask, unless she is known
                update.resolution = Resolution.KEEP if update.known else Resolution.ASK
                continue
            update.resolution, newest = resolve(
                update.known, update.reports, now=self.identity_map.now
            )
            if update.must_ask or self._is_untold(newest.snapshot):
                update.resolution = Resolution.ASK
            if update.resolution is Resolution.APPLY:
                update.snapshot = newest.snapshot
                update.as_of, update.event_id = newest.occurred_at, newest.event_id

    def _is_untold(self, snapshot: Snapshot | None) -> bool:
        """Tell whether a state leaves open which tier a subscription is.

        Events of old versions have no lookup keys, and none has what a product's metadata say.
        """
        if not isinstance(snapshot, SubscriptionSnapshot):
            return False
        placement = placement_of(snapshot, self.policy)
        return placement.kind is not Placing.OTHER and placement.tier is None

    # --- whom nobody here knows yet ---

    def _meet_customers(self) -> None:
        """Ask about the customers, and the accounts they are named to be, of whom nobody here is known."""
        updates, unknown = self.updates, []
        for update, subscription in updates.subscriptions():
            key = updates.customer_of(update, subscription)
            if key in updates or self.identity_map.reason_against(subscription):
                continue
            payer = self.identity_map.find("customer", subscription.customer_id)
            if payer is None or payer.deleted_at is not None:
                unknown.append(updates.add(key, ObjectKind.CUSTOMER))
        self._meet(unknown)
        self.ask(self._customers_left_behind())
        named = [
            (ObjectKey("clerk", update.key.mode, user_id), ObjectKind.USER)
            for update in updates
            if isinstance(update.snapshot, SubscriptionSnapshot | CustomerSnapshot)
            and (user_id := account_named_by(update.snapshot, self.policy))
        ]
        self._meet([updates.add(*one) for one in named if one[0] not in updates])

    def _customers_left_behind(self) -> list[ObjectUpdate]:
        """Return the customers of accounts that are deleted: a new account may have come before we heard of it."""
        found = []
        for update in self.updates:
            is_deleted = (
                update.kind is ObjectKind.USER and update.as_of is not None and update.is_final
            )
            member = self.identity_map.find("user", update.key.object_id) if is_deleted else None
            for membership in member.memberships if member else ():
                key = ObjectKey("stripe", update.key.mode, membership.customer_id or "")
                if membership.customer_id and key not in self.updates:
                    found.append(self.updates.add(key, ObjectKind.CUSTOMER))
        return found

    def _meet(self, updates: Collection[ObjectUpdate]) -> None:
        """Read whose these objects are, and ask about those that are nobody's yet."""
        if updates:
            self._lock_and_read(_external_ids(updates))
            self.ask([update for update in updates if not self._is_known(update)])

    def _is_known(self, update: ObjectUpdate) -> bool:
        found = self.identity_map.find(update.kind, update.key.object_id)
        if found is None or (update.kind is ObjectKind.CUSTOMER and found.deleted_at is not None):
            return False
        update.resolution = Resolution.KEEP
        return True

    # --- what was before ---

    def _meet_earlier_subscriptions(self) -> None:
        """Read what customers had before that are older than who is new: who comes back is no new member."""
        seen_first = {
            subscription.customer_id: update
            for update, subscription in self.updates.subscriptions()
            if self._may_be_new(update, subscription)
        }
        answers = self.vendors.subscriptions_of(list(seen_first))
        earlier = []
        for customer_id, answer in answers.items():
            first = seen_first[customer_id]
            if isinstance(answer, VendorError):
                first.problem = answer
                continue
            for snapshot in answer:
                key = ObjectKey("stripe", first.key.mode, snapshot.id)
                if key not in self.updates and not self.identity_map.reason_against(snapshot):
                    update = self.updates.add(key, ObjectKind.SUBSCRIPTION)
                    update.snapshot, update.as_of = snapshot, self.identity_map.now
                    earlier.append(update)
        if earlier:
            self._lock_and_read(_external_ids(earlier))

    def _may_be_new(self, update: ObjectUpdate, subscription: SubscriptionSnapshot) -> bool:
        """Tell whether a subscription makes a new member as far as we know, of an older customer."""
        oldest = self.identity_map.now - self.policy.welcome.within
        if update.known is not None or subscription.status.is_final:
            return False
        if self.identity_map.reason_against(subscription):
            return False
        if subscription.started_at is not None and subscription.started_at < oldest:
            return False
        member = self.identity_map.find("customer", subscription.customer_id)
        if member is not None and any(m.first_active_at for m in member.memberships):
            return False
        payer = self.updates.by_key.get(self.updates.customer_of(update, subscription))
        customer = payer.snapshot if payer else None
        created_at = customer.created_at if isinstance(customer, CustomerSnapshot) else None
        return created_at is None or created_at < oldest

    def _note_endings(self) -> None:
        """Read what is known of the ends of all memberships at hand."""
        members = self.identity_map.members.values()
        ids = {m.subscription_id for member in members for m in member.memberships}
        ids |= {
            update.key.object_id
            for update in self.updates
            if update.kind is ObjectKind.SUBSCRIPTION
        }
        if known := [subscription_id for subscription_id in ids if subscription_id]:
            latest, refunds = self.store.deactivations.latest(known), self.store.refunds.read(known)
            self.identity_map.note_endings(latest, refunds)


def _external_ids(updates: Iterable[ObjectUpdate]) -> set[ExternalId]:
    """Return whatever these updates' members may be known by."""
    external_ids = set()
    for update in updates:
        external_ids.add(ExternalId(update.kind, update.key.object_id))
        for report in update.reports:
            if isinstance(report.snapshot, SubscriptionSnapshot):
                external_ids.add(ExternalId("customer", report.snapshot.customer_id))
            else:
                external_ids |= {ExternalId("email", one) for one in _addresses_in(report.snapshot)}
    return external_ids


def _addresses_in(snapshot: Snapshot | None) -> set[str]:
    """Return the addresses that a state names, as they are compared."""
    match snapshot:
        case UserSnapshot(addresses=addresses):
            return set(addresses)
        case CustomerSnapshot(email=email) if email:
            return {email}
        case _:
            return set()


def _known_customers(updates: Iterable[ObjectUpdate]) -> dict[ExternalId, UUID]:
    """Return whose the known customers are: a member may have several, her row names one."""
    return {
        ExternalId("customer", update.key.object_id): update.known.member_id
        for update in updates
        if update.kind is ObjectKind.CUSTOMER and update.known and update.known.member_id
    }
