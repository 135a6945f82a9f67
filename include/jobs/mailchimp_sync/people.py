"""What a person has to know of members: who pays twice, and who is charged for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.jobs.mailchimp_sync.names import JOB
from include.membership.standing import STANDINGS, Standing, goes_on
from include.notify.findings import note_findings
from include.store.audit import member_target
from include.store.findings import Finding, FindingKey, FindingKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from uuid import UUID

    from include.events import SubscriptionSnapshot
    from include.membership.identity_map import IdentityMap
    from include.membership.members import Member
    from include.store import Store

PAYMENTS = frozenset({"invoice.paid", "invoice.payment_succeeded"})


@dataclass(kw_only=True, slots=True)
class Charged:
    """What Stripe has just told of a member's subscriptions, and the invoice that was paid."""

    going_on: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)
    invoice_id: str = ""

    def add(self, subscription: SubscriptionSnapshot) -> None:
        """Note whether she is charged again for it."""
        is_running = STANDINGS[subscription.status] in (Standing.ACTIVE, Standing.PAST_DUE)
        is_charged = is_running and not subscription.is_collection_paused
        is_dated = subscription.cancel_at_period_end or subscription.cancel_at is not None
        (self.going_on if is_charged and not is_dated else self.over).add(subscription.id)


def note_people(
    members: Collection[Member],
    identity_map: IdentityMap,
    charged: Mapping[UUID, Charged],
    *,
    dag_run_id: str,
    store: Store,
) -> None:
    """Keep what a person has to know of these members, and end what is not so any more."""
    found = [
        one for member in members for one in _found(member, charged.get(member.id), identity_map)
    ]
    note_findings(
        found,
        checked=[key for member in members for key in _checked(member, charged.get(member.id))],
        job=JOB,
        store=store,
        now=identity_map.now,
        dag_run_id=dag_run_id,
    )


def _found(member: Member, charged: Charged | None, identity_map: IdentityMap) -> Iterator[Finding]:
    told = charged or Charged()
    ours = {m.subscription_id or "" for m in member.memberships if goes_on(m)}
    paid_for = sorted((ours | told.going_on) - told.over)
    if len(paid_for) > 1 and member.deleted_at is None:
        words = f"a member pays for {len(paid_for)} memberships at once: {', '.join(paid_for)}"
        yield _finding(FindingKind.PAYS_TWICE, member, words)
    if member.deleted_at is not None and paid_for:
        words = f"an account was deleted, and Stripe goes on charging for {', '.join(paid_for)}"
        yield _finding(FindingKind.DELETED_AND_BILLED, member, words, cause=told.invoice_id)
    if member.deleted_at is None and member.is_barred and paid_for:
        words = f"a banned or locked account is charged for {', '.join(paid_for)}"
        yield _finding(FindingKind.BANNED_AND_BILLED, member, words)
    if member.id in identity_map.contested:
        words = "somebody of another name pays for a membership of her own under a member's address"
        yield _finding(FindingKind.ADDRESS_CLAIMED_TWICE, member, words)
    if member.id in identity_map.misnamed and paid_for:
        words = f"Stripe names another account for what a member pays for: {', '.join(paid_for)}; it stays hers"
        yield _finding(FindingKind.ANOTHER_ACCOUNT_NAMED, member, words)


def _checked(member: Member, charged: Charged | None) -> list[FindingKey]:
    """Return what can be told of a member now: of a deleted one only by what Stripe says of her subscriptions.

    Who pays for nothing any more leaves her address to whoever else has it.
    """
    kinds = [FindingKind.PAYS_TWICE, FindingKind.BANNED_AND_BILLED]
    if not any(map(goes_on, member.memberships)):
        kinds.append(FindingKind.ADDRESS_CLAIMED_TWICE)
    if member.deleted_at is None or charged is not None:
        kinds.append(FindingKind.DELETED_AND_BILLED)
    return [FindingKey(kind, member_target(member.id)) for kind in kinds]


def _finding(kind: FindingKind, member: Member, words: str, *, cause: str = "") -> Finding:
    return Finding(
        kind=kind,
        subject=member_target(member.id),
        words=words,
        cause=cause,
        member_id=member.id,
    )
