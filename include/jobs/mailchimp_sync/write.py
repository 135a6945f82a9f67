"""Write: what has changed goes into the platform's tables and ours, and each row is told what became of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import MemberUnknownError, VendorError
from include.events import Invoice
from include.events.rereads import ObjectKind
from include.jobs.mailchimp_sync.ends import heed_bars, plan_ends
from include.jobs.mailchimp_sync.names import ACTOR, WELCOME
from include.jobs.mailchimp_sync.people import PAYMENTS, Charged, note_people
from include.membership.members import state_of
from include.membership.standing import is_new_member
from include.membership.states import AppliedObject, is_outdated
from include.store.audit import AuditEntry, member_target
from include.store.inbox import InboxState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from include.jobs.mailchimp_sync.collect import Arrived, ObjectUpdate, ObjectUpdates
    from include.membership.identity_map import IdentityMap
    from include.membership.policy import Policy
    from include.store import Store


@dataclass(frozen=True)
class ChunkWriter:
    """Writes down what a chunk has come to, in the transaction that holds its members' locks."""

    updates: ObjectUpdates
    identity_map: IdentityMap
    store: Store
    policy: Policy
    dag_run_id: str

    def write(self, *, has_welcome: bool) -> dict[int, VendorError]:
        """Write all of it; return the rows that a vendor has to be asked about who does not answer."""
        self._write_members(has_welcome=has_welcome)
        self._plan_ends()
        return self._end_rows()

    def _write_members(self, *, has_welcome: bool) -> None:
        store, identity_map = self.store, self.identity_map
        changed = identity_map.changed()
        store.members.save(changed, known=identity_map.known, now=self.identity_map.now)
        self._write_merges()
        store.objects.save(self._applied_objects())
        if has_welcome:
            silent = self._without_mail()
            new = [
                member.id
                for member in changed
                if member.id not in silent
                and is_new_member(
                    identity_map.memberships_before(member.id),
                    member,
                    now=self.identity_map.now,
                    within=self.policy.welcome.within,
                )
            ]
            store.steps.plan(WELCOME, new, dag_run_id=self.dag_run_id, now=self.identity_map.now)

    def _without_mail(self) -> set[UUID]:
        """Return the members of whom only rows tell for which nobody is to be mailed."""
        silent = {row.inbox_id for row, _ in self.updates.rows if row.mails_nobody}
        return {one for one, ids in self._rows_by_member().items() if silent.issuperset(ids)}

    def _rows_by_member(self) -> dict[UUID, list[int]]:
        rows: dict[UUID, list[int]] = defaultdict(list)
        for row, update in self.updates.rows:
            if update is not None and update.member_id is not None:
                rows[self.identity_map.resolve(update.member_id)].append(row.inbox_id)
        return rows

    def _write_merges(self) -> None:
        store, identity_map = self.store, self.identity_map
        merged = {lost: identity_map.resolve(lost) for lost in identity_map.merged}
        merged = {lost: kept for lost, kept in merged.items() if lost in identity_map.known}
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
        store.contacts.delete(list(merged))
        kept = [identity_map.members[member_id] for member_id in merged.values()]
        contacts = {member.id: member.contact for member in kept if member.contact}
        store.contacts.save(contacts, now=self.identity_map.now)
        store.audit.add(
            [self._merge_change(*pair) for pair in merged.items()], now=self.identity_map.now
        )

    def _merge_change(self, lost: UUID, kept: UUID) -> AuditEntry:
        return AuditEntry(
            target=member_target(kept),
            actor=ACTOR,
            action="member:merge",
            dag_run_id=self.dag_run_id,
            before=state_of(self.identity_map.known[lost]),
            after=state_of(self.identity_map.members[kept]),
            metadata={"merged": member_target(lost)},
        )

    def _applied_objects(self) -> Iterable[AppliedObject]:
        for update in self.updates:
            if update.as_of is None or isinstance(update.problem, VendorError):
                continue
            member_id = update.member_id and self.identity_map.resolve(update.member_id)
            is_final = update.is_final
            if member_id is None and not is_final:  # a person may send it again once she is known
                continue
            is_profile = update.kind is ObjectKind.USER and member_id is not None and not is_final
            yield AppliedObject(
                key=update.key,
                member_id=member_id,
                as_of=update.as_of,
                event_id=update.event_id,
                is_final=is_final,
                provides=self.identity_map.provides(member_id)
                if is_profile and member_id
                else frozenset(),
            )

    def _plan_ends(self) -> None:
        """Plan what is to end, show and hide profiles, and tell a person what she has to know."""
        identity_map, sources = self.identity_map, self._rows_by_member()
        touched = {m.id for m in identity_map.changed()} | sources.keys()
        touched |= identity_map.contested | identity_map.misnamed
        members = [identity_map.members[member_id] for member_id in sorted(touched)]
        run, store = self.dag_run_id, self.store
        plan_ends(members, identity_map, sources=sources, dag_run_id=run, store=store)
        heed_bars(members, identity_map, dag_run_id=run, store=store)
        note_people(members, identity_map, self._charged(), dag_run_id=run, store=store)

    def _charged(self) -> dict[UUID, Charged]:
        """Return whose subscriptions Stripe has just told us of, whether they go on, and what was paid for them."""
        charged: dict[UUID, Charged] = defaultdict(Charged)
        for update, subscription in self.updates.subscriptions():
            if update.member_id is not None:
                charged[self.identity_map.resolve(update.member_id)].add(subscription)
        for row, paid in self.updates.rows:
            subject = row.event.subject
            if paid is None or paid.member_id is None or row.event.type not in PAYMENTS:
                continue
            if isinstance(subject, Invoice):
                charged[self.identity_map.resolve(paid.member_id)].invoice_id = subject.id
        return charged

    # --- what becomes of the rows ---

    def _end_rows(self) -> dict[int, VendorError]:
        """End the rows that need nothing more, and put the others' members into the run."""
        unanswered: dict[int, VendorError] = {}
        ends: dict[tuple[InboxState, str], list[int]] = defaultdict(list)
        members: dict[int, UUID] = {}
        open_ids: set[UUID] = set()
        for row, update in self.updates.rows:
            if update is not None and isinstance(update.problem, VendorError):
                unanswered[row.inbox_id] = update.problem
                continue
            end = self._end_of(row, update)
            if end is not None:
                ends[end].append(row.inbox_id)
            if update is not None and update.member_id is not None:
                members[row.inbox_id] = self.identity_map.resolve(update.member_id)
                if end is None:
                    open_ids.add(members[row.inbox_id])
        self.store.inbox.assign_members(members)
        for (state, reason), ids in ends.items():
            self.store.inbox.finish(ids, state=state, reason=reason, now=self.identity_map.now)
        self.store.run_members.open(self.dag_run_id, {m: self._state_before(m) for m in open_ids})
        return unanswered

    def _end_of(self, row: Arrived, update: ObjectUpdate | None) -> tuple[InboxState, str] | None:
        """Return how a row ends here, or None if it waits for what comes of its member."""
        if update is None:
            return InboxState.IGNORED, "about no subscription"
        if isinstance(update.problem, MemberUnknownError):
            return InboxState.IGNORED, str(update.problem)
        if update.member_id is None:
            return InboxState.IGNORED, "about nobody who is a member here"
        report = next(r for r in update.reports if r.event_id == row.event.id)
        member_id = self.identity_map.resolve(update.member_id)
        member = self.identity_map.members[member_id]
        is_unchanged = member == self.identity_map.known.get(member_id)
        if is_outdated(update.known, report) and is_unchanged and not row.was_loaded:
            return InboxState.SUPERSEDED, "something newer was applied before"
        return None

    def _state_before(self, member_id: UUID) -> dict[str, object] | None:
        before = self.identity_map.known.get(member_id)
        return None if before is None else state_of(before)
