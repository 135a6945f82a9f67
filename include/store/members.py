"""The platform's users and memberships, as one `Member` each."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from include.events import SubscriptionStatus
from include.events.values import address_forms, address_from
from include.membership.members import Member, Membership
from include.store.contacts import contact_from
from include.store.sql import MemberTable, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from include.membership.members import ExternalId

STATUSES = frozenset(SubscriptionStatus)  # other statuses are the platform's own, not ours to judge


class Members(MemberTable, file="members"):
    """The tables `public.users` and `public.memberships`."""

    def find(self, external_ids: Collection[ExternalId]) -> set[UUID]:
        """Return the members known by any of these."""
        kinds = {
            kind: [external_id.value for external_id in external_ids if external_id.kind == kind]
            for kind in ("customer", "subscription", "user", "email")
        }
        kinds["email"] = [form for email in kinds["email"] for form in address_forms(email)]
        rows = self._sql.find_members(
            customers=kinds["customer"],
            subscriptions=kinds["subscription"],
            users=kinds["user"],
            emails=kinds["email"],
        )
        return {row["id"] for row in rows}

    def find_mailboxes(self, mailboxes: Collection[str]) -> set[UUID]:
        """Return the members of whose addresses one, without what follows a plus sign, is one of these."""
        return {row["id"] for row in self._sql.find_mailboxes(mailboxes=list(mailboxes))}

    def subscribers(self) -> set[UUID]:
        """Return everybody who has, or had, a membership."""
        return {row["id"] for row in self._sql.find_subscribers()}

    def lock(self, member_ids: Collection[UUID]) -> None:
        """Let nobody else change these members until the transaction ends; always in one order."""
        if member_ids:
            list(self._sql.lock_members(member_ids=list(member_ids)))

    def read(self, member_ids: Collection[UUID]) -> dict[UUID, Member]:
        """Return these members with their memberships and contacts."""
        if not member_ids:
            return {}
        ids = list(member_ids)
        memberships: dict[UUID, list[Membership]] = {}
        for row in self._sql.read_memberships(member_ids=ids):
            user_id, status = row.pop("user_id"), row.pop("status")
            if status in STATUSES:
                membership = Membership(status=SubscriptionStatus(status), **row)
                memberships.setdefault(user_id, []).append(membership)
        rows = self._sql.read_members(member_ids=ids)
        return {row["id"]: _member_from(row, memberships.get(row["id"], ())) for row in rows}

    def ids_after(self, after: UUID | None, *, limit: int) -> list[UUID]:
        """Return the next members whose accounts are not deleted, in the order of their ids."""
        return [row["id"] for row in self._sql.read_ids_after(after=after, row_limit=limit)]

    def living_subscriptions(self) -> list[tuple[str, str | None]]:
        """Return the subscriptions that may still change, each with its customer."""
        rows = self._sql.read_living_subscriptions()
        return [(row["subscription_id"], row["customer_id"]) for row in rows]

    def named_customers(self) -> list[str]:
        """Return the Stripe customers that the rows of accounts which are not deleted name."""
        return [row["customer_id"] for row in self._sql.read_named_customers()]

    def living_users(self) -> list[str]:
        """Return the Clerk users whose accounts are not deleted."""
        return [row["clerk_user_id"] for row in self._sql.read_living_users()]

    def save(
        self, members: Collection[Member], *, known: Mapping[UUID, Member], now: datetime
    ) -> None:
        """Write these members; `known` is how they were read.

        Raises UniqueViolation when another transaction has made the same person meanwhile.
        """
        freed = [
            m.id
            for m in members
            if m.id in known and _external_ids(m) != _external_ids(known[m.id])
        ]
        if freed:  # an address or id may go from one to the other within this very call
            self._sql.free_external_ids(member_ids=freed)
        self._sql.save_users([values_of(member, now=now) for member in members])
        accounts = [_account_values(one) for one in members if one.clerk_user_id is not None]
        self._sql.save_accounts(accounts)
        values = [
            {"user_id": member.id, "now": now, **asdict(membership)}
            for member in members
            for membership in member.memberships
            if membership.subscription_id is not None
        ]
        self._sql.save_memberships(values)
        self._sql.save_subscriptions(values)

    def note_facts(self, members: Iterable[Member]) -> None:
        """Write down what the vendors say of members and was not written down before."""
        members = list(members)
        memberships = [m for one in members for m in one.memberships if m.customer_id is not None]
        self._sql.add_subscriptions([asdict(m) for m in memberships])
        self._sql.add_accounts([_account_values(m) for m in members if m.addresses])


def _external_ids(member: Member) -> tuple[str | None, str | None, str | None]:
    return member.address, member.clerk_user_id, member.stripe_customer_id


def _member_from(row: dict[str, Any], memberships: Iterable[Membership]) -> Member:
    contact = None
    if row["subscriber_hash"] is not None:
        contact = contact_from({**row, "status": row["contact_status"]})
    made = {
        "email": address_from(row["email"]),
        "addresses": frozenset(row["addresses"] or ()),
        "is_barred": bool(row["is_barred"]),
        "memberships": tuple(memberships),
        "contact": contact,
    }
    return record_from(Member, {**row, **made})


def _account_values(member: Member) -> dict[str, object]:
    return values_of(member, addresses=sorted(member.addresses))
