"""Resolve: who the members are, under their locks, and which state of each object is the newest there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from include.errors import VendorError
from include.events import CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
from include.jobs.mailchimp_sync.vendors import Kind, Reading, Vendors
from include.jobs.states import Verdict, judge
from include.membership.identity import account_named_by
from include.membership.plans import Kind as Placing
from include.membership.plans import placement_of
from include.store.members import Handle
from include.store.objects import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from include.events import Snapshot
    from include.jobs.directory import Directory
    from include.jobs.mailchimp_sync.collect import Case, Cases
    from include.membership.policy import Policy
    from include.store import Store
    from include.store.objects import AppliedObject


@dataclass(frozen=True)
class Resolver:
    """Fills the directory with everybody whom a chunk's cases lead to, and the cases with their newest states."""

    cases: Cases
    directory: Directory
    store: Store
    vendors: Vendors
    policy: Policy

    def resolve(self) -> None:
        """Find and lock the members, judge what was told, and ask about what only a vendor knows."""
        self._lock_and_read(_handles(self.cases))
        self._judge()
        self.ask([case for case in self.cases if case.verdict is Verdict.ASK])
        self._meet_customers()
        self._meet_earlier_subscriptions()
        self._note_endings()

    def ask(self, cases: Collection[Case]) -> None:
        """Ask the vendors; what they say is the newest state there is."""
        answers = self.vendors.ask({case.key: case.kind for case in cases})
        for case in cases:
            answer = answers[case.key]
            if isinstance(answer, Reading):
                newest = max(
                    (report.occurred_at for report in case.reports), default=answer.read_at
                )
                case.snapshot, case.as_of = answer.snapshot, max(answer.read_at, newest)
            else:
                case.problem = answer
        handles = {Handle("email", one) for case in cases for one in _addresses_in(case.snapshot)}
        if handles:
            self._lock_and_read(handles)

    # --- who that is ---

    def _lock_and_read(self, handles: Collection[Handle]) -> None:
        """Lock the members these handles and the known objects lead to, then read both."""
        store, directory = self.store, self.directory
        locked = set(directory.known)
        while True:
            objects = store.objects.read(list(self.cases.by_key))
            owners = {known.member_id for known in objects.values() if known.member_id}
            found = store.members.find(handles) | owners
            if found <= locked:
                break
            store.members.lock(found - locked)
            locked |= found
        members = store.members.read(locked - set(directory.known))
        directory.add(members, {})
        for key, known in objects.items():
            self.cases.by_key[key].known = self._with_living_owner(known)
        directory.add({}, _known_customers(self.cases))
        for user in store.objects.of_members("clerk", list(members)).values():
            if user.member_id is not None and not user.is_final:
                directory.note_provided(user.member_id, user.provides)

    def _with_living_owner(self, known: AppliedObject) -> AppliedObject:
        """Return an object without its member, if the platform has deleted her row."""
        is_there = known.member_id is None or known.member_id in self.directory.members
        return known if is_there else replace(known, member_id=None)

    # --- which state wins ---

    def _judge(self) -> None:
        for case in self.cases:
            if not case.reports:  # something names the user: ask, unless she is known
                case.verdict = Verdict.KEEP if case.known else Verdict.ASK
                continue
            case.verdict, newest = judge(case.known, case.reports, now=self.directory.now)
            if case.must_ask or self._is_untold(newest.snapshot):
                case.verdict = Verdict.ASK
            if case.verdict is Verdict.APPLY:
                case.snapshot = newest.snapshot
                case.as_of, case.event_id = newest.occurred_at, newest.event_id

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
        cases, unknown = self.cases, []
        for case, subscription in cases.subscriptions():
            key = cases.customer_of(case, subscription)
            if key in cases or self.directory.reason_against(subscription):
                continue
            payer = self.directory.find("customer", subscription.customer_id)
            if payer is None or payer.deleted_at is not None:
                unknown.append(cases.add(key, Kind.CUSTOMER))
        self._meet(unknown)
        self.ask(self._customers_left_behind())
        named = [
            (ObjectKey("clerk", case.key.mode, user_id), Kind.USER)
            for case in cases
            if isinstance(case.snapshot, SubscriptionSnapshot | CustomerSnapshot)
            and (user_id := account_named_by(case.snapshot, self.policy))
        ]
        self._meet([cases.add(*one) for one in named if one[0] not in cases])

    def _customers_left_behind(self) -> list[Case]:
        """Return the customers of accounts that are deleted: a new account may have come before we heard of it."""
        found = []
        for case in self.cases:
            is_deleted = case.kind is Kind.USER and case.as_of is not None and case.is_final
            member = self.directory.find("user", case.key.object_id) if is_deleted else None
            for membership in member.memberships if member else ():
                key = ObjectKey("stripe", case.key.mode, membership.customer_id or "")
                if membership.customer_id and key not in self.cases:
                    found.append(self.cases.add(key, Kind.CUSTOMER))
        return found

    def _meet(self, cases: Collection[Case]) -> None:
        """Read whose these objects are, and ask about those that are nobody's yet."""
        if cases:
            self._lock_and_read(_handles(cases))
            self.ask([case for case in cases if not self._is_known(case)])

    def _is_known(self, case: Case) -> bool:
        found = self.directory.find(case.kind, case.key.object_id)
        if found is None or (case.kind is Kind.CUSTOMER and found.deleted_at is not None):
            return False
        case.verdict = Verdict.KEEP
        return True

    # --- what was before ---

    def _meet_earlier_subscriptions(self) -> None:
        """Read what customers had before that are older than who is new: who comes back is no new member."""
        seen_first = {
            subscription.customer_id: case
            for case, subscription in self.cases.subscriptions()
            if self._may_be_new(case, subscription)
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
                if key not in self.cases and not self.directory.reason_against(snapshot):
                    case = self.cases.add(key, Kind.SUBSCRIPTION)
                    case.snapshot, case.as_of = snapshot, self.directory.now
                    earlier.append(case)
        if earlier:
            self._lock_and_read(_handles(earlier))

    def _may_be_new(self, case: Case, subscription: SubscriptionSnapshot) -> bool:
        """Tell whether a subscription makes a new member as far as we know, of an older customer."""
        oldest = self.directory.now - self.policy.welcome.within
        if case.known is not None or subscription.status.is_final:
            return False
        if self.directory.reason_against(subscription):
            return False
        if subscription.started_at is not None and subscription.started_at < oldest:
            return False
        member = self.directory.find("customer", subscription.customer_id)
        if member is not None and any(m.first_active_at for m in member.memberships):
            return False
        payer = self.cases.by_key.get(self.cases.customer_of(case, subscription))
        customer = payer.snapshot if payer else None
        created_at = customer.created_at if isinstance(customer, CustomerSnapshot) else None
        return created_at is None or created_at < oldest

    def _note_endings(self) -> None:
        """Read what is known of the ends of all memberships at hand."""
        members = self.directory.members.values()
        ids = {m.subscription_id for member in members for m in member.memberships}
        ids |= {case.key.object_id for case in self.cases if case.kind is Kind.SUBSCRIPTION}
        if known := [subscription_id for subscription_id in ids if subscription_id]:
            latest, refunds = self.store.deactivations.latest(known), self.store.refunds.read(known)
            self.directory.note_endings(latest, refunds)


def _handles(cases: Iterable[Case]) -> set[Handle]:
    """Return whatever these cases' members may be known by."""
    handles = set()
    for case in cases:
        handles.add(Handle(case.kind, case.key.object_id))
        for report in case.reports:
            if isinstance(report.snapshot, SubscriptionSnapshot):
                handles.add(Handle("customer", report.snapshot.customer_id))
            else:
                handles |= {Handle("email", one) for one in _addresses_in(report.snapshot)}
    return handles


def _addresses_in(snapshot: Snapshot | None) -> set[str]:
    """Return the addresses that a state names, as they are compared."""
    match snapshot:
        case UserSnapshot(addresses=addresses):
            return set(addresses)
        case CustomerSnapshot(email=email) if email:
            return {email}
        case _:
            return set()


def _known_customers(cases: Iterable[Case]) -> dict[Handle, UUID]:
    """Return whose the known customers are: a member may have several, her row names one."""
    return {
        Handle("customer", case.key.object_id): case.known.member_id
        for case in cases
        if case.kind is Kind.CUSTOMER and case.known and case.known.member_id
    }
