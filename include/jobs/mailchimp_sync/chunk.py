"""One chunk of rows, in one transaction: find and lock the members, decide, ask, apply, write."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import structlog

from include.errors import MemberUnknownError, VendorError
from include.events import (
    Checkout,
    CustomerSnapshot,
    Event,
    Invoice,
    MoneyMoved,
    Reread,
    Snapshot,
    SubscriptionSnapshot,
    UserSnapshot,
)
from include.jobs.directory import Directory
from include.jobs.mailchimp_sync.ends import heed_bars, plan_ends
from include.jobs.mailchimp_sync.names import ACTOR, WELCOME
from include.jobs.mailchimp_sync.people import PAYMENTS, Charged, note_people
from include.jobs.mailchimp_sync.vendors import Kind, Reading, Vendors
from include.jobs.membership import is_new_member, state_of
from include.jobs.states import Report, Verdict, is_outdated, judge
from include.membership.identity import account_named_by
from include.membership.plans import Kind as Placing
from include.membership.plans import placement_of
from include.store.audit import Change, member_target
from include.store.inbox import State
from include.store.members import Handle
from include.store.objects import AppliedObject, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from uuid import UUID

    from include.clock import Clock
    from include.membership.policy import Policy
    from include.store import Store

ORDER = (Kind.USER, Kind.CUSTOMER, Kind.SUBSCRIPTION)  # who she is, before what she has

log = structlog.get_logger(__name__)


class Arrived(NamedTuple):
    """A row of the inbox, read."""

    inbox_id: int
    provider: str
    mode: str
    event: Event
    was_loaded: bool  # by an earlier try or run, which did not get to its end


@dataclass(kw_only=True, slots=True)
class Case:
    """One object that the chunk is about, and what became of it."""

    key: ObjectKey
    kind: Kind
    reports: list[Report] = field(default_factory=list)
    known: AppliedObject | None = None
    must_ask: bool = False
    verdict: Verdict = Verdict.ASK
    snapshot: Snapshot | None = None
    as_of: datetime | None = None
    event_id: str | None = None
    member_id: UUID | None = None
    problem: VendorError | MemberUnknownError | None = None


class Chunk:
    """Rows that are applied together. `apply` runs in a transaction and may be run again after a rollback."""

    def __init__(  # noqa: PLR0913 - collaborators, by name
        self,
        arrived: Collection[Arrived],
        *,
        dag_run_id: str,
        store: Store,
        vendors: Vendors,
        clock: Clock,
        policy: Policy,
    ) -> None:
        """Take what has arrived; nothing is done yet."""
        self._policy = policy
        self._arrived = arrived
        self._dag_run_id = dag_run_id
        self._store = store
        self._vendors = vendors
        self._now = clock.now()

    def apply(self, *, has_welcome: bool) -> dict[int, VendorError]:
        """Apply all rows; return those that a vendor has to be asked about who does not answer."""
        self._cases: dict[ObjectKey, Case] = {}
        self._directory = Directory(self._now, self._policy)
        self._collect()
        self._lock_and_read(_handles(self._cases.values()))
        self._judge()
        self._ask([case for case in self._cases.values() if case.verdict is Verdict.ASK])
        self._meet_customers()
        self._meet_earlier_subscriptions()
        self._note_endings()
        self._apply_cases()
        self._write(has_welcome=has_welcome)
        self._plan_ends()
        return self._end_rows()

    # --- what the rows say ---

    def _collect(self) -> None:
        for row in self._arrived:
            subject, event = row.event.subject, row.event
            snapshot = subject if isinstance(subject, Snapshot) else None
            case = self._case_of(row)
            if case is not None:
                case.reports.append(
                    Report(event_id=event.id, occurred_at=event.occurred_at, snapshot=snapshot)
                )
                case.must_ask |= isinstance(subject, Invoice) and subject.is_paid_back
            if isinstance(subject, Checkout) and subject.subscription_id:
                self._case_of_account(account_named_by(subject, self._policy), row.mode)

    def _case_of(self, row: Arrived) -> Case | None:
        """Return the case of the object that a row is about; None for a payment without one."""
        match row.event.subject:
            case Checkout(subscription_id=None) | Invoice(subscription_id=None) | MoneyMoved():
                return None
            case Reread(kind=wanted, id=object_id):
                kind = Kind(wanted)
            case UserSnapshot(id=object_id):
                kind = Kind.USER
            case CustomerSnapshot(id=object_id):
                kind = Kind.CUSTOMER
            case SubscriptionSnapshot(id=object_id):
                kind = Kind.SUBSCRIPTION
            case Checkout(subscription_id=named) | Invoice(subscription_id=named):
                kind, object_id = Kind.SUBSCRIPTION, named or ""
        return self._case(ObjectKey(row.provider, row.mode, object_id), kind)

    def _case_of_account(self, clerk_user_id: str | None, mode: str) -> None:
        if clerk_user_id is not None:
            self._case(ObjectKey("clerk", mode, clerk_user_id), Kind.USER)

    def _case(self, key: ObjectKey, kind: Kind) -> Case:
        return self._cases.setdefault(key, Case(key=key, kind=kind))

    # --- who that is ---

    def _lock_and_read(self, handles: Collection[Handle]) -> None:
        """Lock the members these handles and the known objects lead to, then read both."""
        store, locked = self._store, set(self._directory.known)
        while True:
            objects = store.objects.read(list(self._cases))
            owners = {known.member_id for known in objects.values() if known.member_id}
            found = store.members.find(handles) | owners
            if found <= locked:
                break
            store.members.lock(found - locked)
            locked |= found
        members = store.members.read(locked - set(self._directory.known))
        self._directory.add(members, {})
        for key, known in objects.items():
            self._cases[key].known = self._with_living_owner(known)
        self._directory.add({}, _known_customers(self._cases.values()))
        for user in store.objects.of_members("clerk", list(members)).values():
            if user.member_id is not None and not user.is_final:
                self._directory.note_provided(user.member_id, user.provides)

    def _with_living_owner(self, known: AppliedObject) -> AppliedObject:
        """Return an object without its member, if the platform has deleted her row."""
        is_there = known.member_id is None or known.member_id in self._directory.members
        return known if is_there else replace(known, member_id=None)

    # --- which state wins ---

    def _judge(self) -> None:
        for case in self._cases.values():
            if not case.reports:  # something names the user: ask, unless she is known
                case.verdict = Verdict.KEEP if case.known else Verdict.ASK
                continue
            case.verdict, newest = judge(case.known, case.reports, now=self._now)
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
        placement = placement_of(snapshot, self._policy)
        return placement.kind is not Placing.OTHER and placement.tier is None

    def _ask(self, cases: Collection[Case]) -> None:
        """Ask the vendors; what they say is the newest state there is."""
        answers = self._vendors.ask({case.key: case.kind for case in cases})
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

    def _meet_customers(self) -> None:
        """Ask about the customers, and the accounts they are named to be, of whom nobody here is known."""
        directory, unknown = self._directory, []
        for case in list(self._cases.values()):
            if isinstance(case.snapshot, SubscriptionSnapshot) and not directory.reason_against(
                case.snapshot
            ):
                customer_id = case.snapshot.customer_id
                key = ObjectKey("stripe", case.key.mode, customer_id)
                payer = directory.find("customer", customer_id)
                is_gone = payer is not None and payer.deleted_at is not None
                if key not in self._cases and (payer is None or is_gone):
                    unknown.append(self._case(key, Kind.CUSTOMER))
        self._meet(unknown)
        self._ask(self._customers_left_behind())
        named = [
            (ObjectKey("clerk", case.key.mode, user_id), Kind.USER)
            for case in self._cases.values()
            if isinstance(case.snapshot, SubscriptionSnapshot | CustomerSnapshot)
            and (user_id := account_named_by(case.snapshot, self._policy))
        ]
        self._meet([self._case(*one) for one in named if one[0] not in self._cases])

    def _customers_left_behind(self) -> list[Case]:
        """Return the customers of accounts that are deleted: a new account may have come before we heard of it."""
        found = []
        for case in list(self._cases.values()):
            is_told = case.kind is Kind.USER and case.as_of is not None
            is_deleted = is_told and _is_final(case.snapshot)
            member = self._directory.find("user", case.key.object_id) if is_deleted else None
            for membership in member.memberships if member else ():
                key = ObjectKey("stripe", case.key.mode, membership.customer_id or "")
                if membership.customer_id and key not in self._cases:
                    found.append(self._case(key, Kind.CUSTOMER))
        return found

    def _meet(self, cases: Collection[Case]) -> None:
        """Read whose these objects are, and ask about those that are nobody's yet."""
        if cases:
            self._lock_and_read(_handles(cases))
            self._ask([case for case in cases if not self._is_known(case)])

    def _is_known(self, case: Case) -> bool:
        found = self._directory.find(case.kind, case.key.object_id)
        if found is None or (case.kind is Kind.CUSTOMER and found.deleted_at is not None):
            return False
        case.verdict = Verdict.KEEP
        return True

    def _meet_earlier_subscriptions(self) -> None:
        """Read what customers had before that are older than who is new: who comes back is no new member."""
        seen_first = {
            case.snapshot.customer_id: case
            for case in self._cases.values()
            if isinstance(case.snapshot, SubscriptionSnapshot) and self._may_be_new(case)
        }
        answers = self._vendors.subscriptions_of(list(seen_first))
        earlier = []
        for customer_id, answer in answers.items():
            first = seen_first[customer_id]
            if isinstance(answer, VendorError):
                first.problem = answer
                continue
            for snapshot in answer:
                key = ObjectKey("stripe", first.key.mode, snapshot.id)
                if key not in self._cases and not self._directory.reason_against(snapshot):
                    case = self._case(key, Kind.SUBSCRIPTION)
                    case.snapshot, case.as_of = snapshot, self._now
                    earlier.append(case)
        if earlier:
            self._lock_and_read(_handles(earlier))

    def _may_be_new(self, case: Case) -> bool:
        """Tell whether a subscription makes a new member as far as we know, of an older customer."""
        subscription, oldest = case.snapshot, self._now - self._policy.welcome.within
        if case.known is not None or not isinstance(subscription, SubscriptionSnapshot):
            return False
        if self._directory.reason_against(subscription) or subscription.status.is_final:
            return False
        if subscription.started_at is not None and subscription.started_at < oldest:
            return False
        member = self._directory.find("customer", subscription.customer_id)
        if member is not None and any(m.first_active_at for m in member.memberships):
            return False
        key = ObjectKey("stripe", case.key.mode, subscription.customer_id)
        customer = self._cases[key].snapshot if key in self._cases else None
        created_at = customer.created_at if isinstance(customer, CustomerSnapshot) else None
        return created_at is None or created_at < oldest

    def _note_endings(self) -> None:
        """Read what is known of the ends of all memberships at hand."""
        members = self._directory.members.values()
        ids = {m.subscription_id for member in members for m in member.memberships}
        ids |= {
            key.object_id for key, case in self._cases.items() if case.kind is Kind.SUBSCRIPTION
        }
        if known := [subscription_id for subscription_id in ids if subscription_id]:
            store = self._store
            self._directory.note_endings(
                store.deactivations.latest(known), store.refunds.read(known)
            )

    # --- what it makes of her ---

    def _apply_cases(self) -> None:
        for kind in ORDER:
            for case in self._cases.values():
                if case.kind is kind and case.problem is None:
                    self._apply_case(case)
            if kind is Kind.CUSTOMER:
                self._link()
                self._ask_about_moved()
        for case in self._cases.values():  # who is a member by what she pays for
            if case.kind is Kind.CUSTOMER and isinstance(case.problem, MemberUnknownError):
                case.problem = None
                self._apply_case(case)

    def _apply_case(self, case: Case) -> None:
        try:
            if case.as_of is None:  # kept: whose it is, is known already
                case.member_id = case.known.member_id if case.known else None
            else:
                case.member_id = self._applied(case, case.as_of)
        except (MemberUnknownError, VendorError) as error:
            case.problem = error

    def _applied(self, case: Case, as_of: datetime) -> UUID:
        directory = self._directory
        match case.snapshot:
            case UserSnapshot() as user:
                return directory.apply_user(user, at=as_of)
            case CustomerSnapshot() as customer:
                return directory.apply_customer(customer)
            case SubscriptionSnapshot() as subscription:
                self._expect_customer(case, subscription)
                return directory.apply_subscription(subscription, at=as_of)
            case None if case.kind is Kind.SUBSCRIPTION:
                return directory.end_subscription(case.key.object_id, at=as_of)
            case None if case.kind is Kind.USER:
                gone = UserSnapshot(
                    id=case.key.object_id, email=None, first_name="", last_name="", deleted=True
                )
                return directory.apply_user(gone, at=as_of)
            case _:
                raise MemberUnknownError("Stripe does not know the customer")

    def _expect_customer(self, case: Case, subscription: SubscriptionSnapshot) -> None:
        """Refuse a subscription whose customer could not be asked about."""
        customer = self._cases.get(ObjectKey("stripe", case.key.mode, subscription.customer_id))
        if customer is not None and isinstance(customer.problem, VendorError):
            raise customer.problem

    def _link(self) -> None:
        for row in self._arrived:
            if isinstance(row.event.subject, Checkout):
                checkout = row.event.subject
                named = account_named_by(checkout, self._policy)
                self._directory.name_account(checkout.customer_id, named)

    def _ask_about_moved(self) -> None:
        """Ask about what a deleted account had paid for, now that it is somebody's again."""
        directory, moved = self._directory, []
        gone = [directory.known[lost] for lost in directory.merged if lost in directory.known]
        mode = next(iter(self._arrived)).mode
        for membership in (m for one in gone if one.deleted_at for m in one.memberships):
            key = ObjectKey("stripe", mode, membership.subscription_id or "")
            case = self._case(key, Kind.SUBSCRIPTION)
            if case.snapshot is None and case.problem is None:
                moved.append(case)
        if moved:
            self._ask(moved)

    # --- what is written ---

    def _write(self, *, has_welcome: bool) -> None:
        store, directory = self._store, self._directory
        changed = directory.changed()
        store.members.save(changed, known=directory.known, now=self._now)
        self._write_merges()
        store.objects.save(self._applied_objects())
        if has_welcome:
            new = [
                member.id
                for member in changed
                if is_new_member(
                    directory.memberships_before(member.id),
                    member,
                    now=self._now,
                    within=self._policy.welcome.within,
                )
            ]
            store.steps.plan(WELCOME, new, dag_run_id=self._dag_run_id, now=self._now)

    def _write_merges(self) -> None:
        store, directory = self._store, self._directory
        merged = {lost: directory.resolve(lost) for lost in directory.merged}
        merged = {lost: kept for lost, kept in merged.items() if lost in directory.known}
        if not merged:
            return
        tables = (
            store.members,
            store.objects,
            store.steps,
            store.deactivations,
            store.dead_letters,
            store.findings,
        )
        for table in tables:
            table.move(merged)
        store.contacts.forget(list(merged))
        kept = [directory.members[member_id] for member_id in merged.values()]
        contacts = {member.id: member.contact for member in kept if member.contact}
        store.contacts.save(contacts, now=self._now)
        store.audit.add([self._merge_change(*pair) for pair in merged.items()], now=self._now)

    def _merge_change(self, lost: UUID, kept: UUID) -> Change:
        return Change(
            target=member_target(kept),
            actor=ACTOR,
            action="member:merge",
            dag_run_id=self._dag_run_id,
            before=state_of(self._directory.known[lost]),
            after=state_of(self._directory.members[kept]),
            metadata={"merged": member_target(lost)},
        )

    def _applied_objects(self) -> Iterable[AppliedObject]:
        for case in self._cases.values():
            if case.as_of is None or isinstance(case.problem, VendorError):
                continue
            member_id = case.member_id and self._directory.resolve(case.member_id)
            is_final = _is_final(case.snapshot)
            if member_id is None and not is_final:  # a person may send it again once she is known
                continue
            is_profile = case.kind is Kind.USER and member_id is not None and not is_final
            yield AppliedObject(
                key=case.key,
                member_id=member_id,
                as_of=case.as_of,
                event_id=case.event_id,
                is_final=is_final,
                provides=self._directory.provides(member_id)
                if is_profile and member_id
                else frozenset(),
            )

    def _plan_ends(self) -> None:
        """Plan what is to end, show and hide profiles, and tell a person what she has to know."""
        directory, sources = self._directory, defaultdict(list)
        for row in self._arrived:
            case = self._case_of(row)
            if case is not None and case.member_id is not None:
                sources[directory.resolve(case.member_id)].append(row.inbox_id)
        touched = {m.id for m in directory.changed()} | sources.keys() | directory.contested
        members = [directory.members[member_id] for member_id in sorted(touched)]
        run, store = self._dag_run_id, self._store
        plan_ends(members, directory, sources=sources, dag_run_id=run, store=store)
        heed_bars(members, directory, dag_run_id=run, store=store)
        note_people(members, directory, self._charged(), dag_run_id=run, store=store)

    def _charged(self) -> dict[UUID, Charged]:
        """Return whose subscriptions Stripe has just told us of, whether they go on, and what was paid for them."""
        charged: dict[UUID, Charged] = defaultdict(Charged)
        for case in self._cases.values():
            if case.member_id is not None and isinstance(case.snapshot, SubscriptionSnapshot):
                charged[self._directory.resolve(case.member_id)].add(case.snapshot)
        for row in self._arrived:
            paid, subject = self._case_of(row), row.event.subject
            if paid is None or paid.member_id is None or row.event.type not in PAYMENTS:
                continue
            if isinstance(subject, Invoice):
                charged[self._directory.resolve(paid.member_id)].invoice_id = subject.id
        return charged

    # --- what becomes of the rows ---

    def _end_rows(self) -> dict[int, VendorError]:
        """End the rows that need nothing more, and put the others' members into the run."""
        unanswered: dict[int, VendorError] = {}
        ends: dict[tuple[State, str], list[int]] = defaultdict(list)
        members: dict[int, UUID] = {}
        open_ids: set[UUID] = set()
        for row in self._arrived:
            case = self._case_of(row)
            if case is not None and isinstance(case.problem, VendorError):
                unanswered[row.inbox_id] = case.problem
                continue
            end = self._end_of(row, case)
            if end is not None:
                ends[end].append(row.inbox_id)
            if case is not None and case.member_id is not None:
                members[row.inbox_id] = self._directory.resolve(case.member_id)
                if end is None:
                    open_ids.add(members[row.inbox_id])
        self._store.inbox.assign_members(members)
        for (state, reason), ids in ends.items():
            self._store.inbox.finish(ids, state=state, reason=reason, now=self._now)
        self._store.run_members.open(self._dag_run_id, {m: self._state_before(m) for m in open_ids})
        return unanswered

    def _end_of(self, row: Arrived, case: Case | None) -> tuple[State, str] | None:
        """Return how a row ends here, or None if it waits for what comes of its member."""
        if case is None:
            return State.IGNORED, "about no subscription"
        if isinstance(case.problem, MemberUnknownError):
            return State.IGNORED, str(case.problem)
        if case.member_id is None:
            return State.IGNORED, "about nobody who is a member here"
        report = next(r for r in case.reports if r.event_id == row.event.id)
        member_id = self._directory.resolve(case.member_id)
        member = self._directory.members[member_id]
        is_unchanged = member == self._directory.known.get(member_id)
        if is_outdated(case.known, report) and is_unchanged and not row.was_loaded:
            return State.SUPERSEDED, "something newer was applied before"
        return None

    def _state_before(self, member_id: UUID) -> dict[str, object] | None:
        before = self._directory.known.get(member_id)
        return None if before is None else state_of(before)


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


def _is_final(snapshot: Snapshot | None) -> bool:
    """Tell whether this state can never change: not known to the vendor, deleted, ended."""
    match snapshot:
        case None:
            return True
        case SubscriptionSnapshot(status=status):
            return status.is_final
        case _:
            return snapshot.deleted
