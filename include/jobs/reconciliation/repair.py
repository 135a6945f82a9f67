"""How differences are put right: the object is read again by its normal job. Too many are left to a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from include.batches import batches
from include.events.rereads import ObjectKind, Reread, body_of
from include.membership.standing import current_membership, has_access, standing_of
from include.routing import route_of
from include.store.inbox import FILLED_BY, NO_MAIL, Arrival, InboxState
from include.store.reconciliations import CheckFinding, finding_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.membership.members import Member
    from include.store import Store

FEW = 10  # so many differences are put right whatever their share: of three members one is a third
BATCH_SIZE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairLimits:
    """What a run may do: repair at all, and up to which share of what it looked at."""

    is_dry_run: bool
    most_percent: float
    mails_nobody: bool = False  # no welcome, and no automation of Mailchimp's: after an upgrade

    def too_many(self, found: int, looked_at: int) -> str | None:
        """Say why a person must decide; None where it may be put right."""
        if found <= FEW or found * 100 <= looked_at * self.most_percent:
            return None
        share = found * 100 / max(looked_at, 1)
        return f"{found} of {looked_at} differ ({share:.1f} %, allowed are {self.most_percent:g} %)"


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectDifference:
    """An object of which a vendor says something else than our tables, and whose limit per member it counts for."""

    reread: Reread
    member_key: str
    what: str = ""  # who gains, loses or changes what, where that can be told
    member_id: UUID | None = None  # who has a row
    why: tuple[str, ...] = ()  # rule by rule

    def meaning(self, before: Member | None, after: Member | None) -> ObjectDifference:
        """Return the difference with what it would do to a member."""
        member_id = before.id if before else None
        return replace(self, what=change_in_words(before, after), member_id=member_id)


def put_right(  # noqa: PLR0913 - what a repair is, by name
    check: str,
    differences: Sequence[ObjectDifference],
    *,
    looked_at: int,
    dag_run_id: str,
    limits: RepairLimits,
    store: Store,
    now: datetime,
    expected: int = 0,
    note: str | None = None,
) -> CheckFinding:
    """Have the objects read again, unless there are too many of them; write the finding down, and return it.

    So many as are `expected` are no sign that something is wrong.
    """
    ids = [" ".join(filter(None, (one.reread.id, one.what))) for one in _by_weight(differences)]
    counts = Counter(one.what.partition(":")[0] for one in differences if one.what)
    told = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    stopped = limits.too_many(len(ids) - expected, looked_at)
    repaired = 0
    if stopped is None and not limits.is_dry_run:
        have_read_again(
            differences, dag_run_id, store=store, now=now, mails_nobody=limits.mails_nobody
        )
        repaired = len(ids)
    finding = finding_of(
        check,
        ids,
        looked_at=looked_at,
        repaired=repaired,
        stopped=stopped,
        note="; ".join(filter(None, (told, note))) or None,
    )
    store.reconciliations.save(dag_run_id, [finding])
    return finding


def have_read_again(
    differences: Iterable[ObjectDifference],
    dag_run_id: str,
    *,
    store: Store,
    now: datetime,
    mails_nobody: bool = False,
) -> None:
    """Put rows into the inbox that have the normal job read these objects."""
    modes = {provider: store.inbox.mode_of(provider) for provider in ("stripe", "clerk")}
    for part in batches(differences, BATCH_SIZE):
        arrivals = [arrival_of(one, dag_run_id, modes, now) for one in part]
        store.inbox.receive([without_mail(a) for a in arrivals] if mails_nobody else arrivals)


def _by_weight(differences: Iterable[ObjectDifference]) -> list[ObjectDifference]:
    """Sort first whose access would change: these are shown."""
    return sorted(differences, key=lambda one: not one.what.endswith("access"))


def change_in_words(before: Member | None, after: Member | None) -> str:
    """Say what becomes of a member: `gain access`, `lose access`, `change: tier`."""
    had, has = (one is not None and has_access(one) for one in (before, after))
    if had is not has:
        return "gain access" if has else "lose access"
    if before is None or after is None:
        return "change: no access before and after"
    seen = {name: (_shown(before)[name], value) for name, value in _shown(after).items()}
    changed = sorted(name for name, (old, new) in seen.items() if old != new)
    return "change: " + (", ".join(changed) or "a membership beside the one that counts")


def _shown(member: Member) -> dict[str, object]:
    current = current_membership(member.memberships)
    return {
        "account": (member.clerk_user_id, member.deleted_at is None, member.is_barred),
        "address": (member.address, member.addresses),
        "customer": member.stripe_customer_id,
        "dates": current and (current.current_period_end, current.cancel_at, current.ended_at),
        "name": (member.first_name, member.last_name),
        "standing": standing_of(member),
        "tier": current and current.tier,
    }


def arrival_of(
    difference: ObjectDifference, dag_run_id: str, modes: Mapping[str, str], now: datetime
) -> Arrival:
    """Return the row that has an object read again: one per run and object, however often it is made."""
    reread = difference.reread
    body = body_of(reread, at=now)
    return Arrival(
        provider=reread.kind.provider,
        mode=modes[reread.kind.provider],
        event_id=f"{dag_run_id}.{reread.kind}.{reread.id}"[:255],
        type=reread.kind.event_type,
        api_version=None,
        created_at=now,
        received_at=now,
        headers=orjson.dumps({FILLED_BY: "reconciliation"}).decode(),
        body=body,
        body_sha256=sha256(body).digest(),
        member_key=difference.member_key,
        job=route_of(reread.kind.provider, reread.kind.event_type).job,
        state=InboxState.WAITING,
        reason=None,
    )


def without_mail(arrival: Arrival) -> Arrival:
    """Return the row with word that nobody is to be mailed for it."""
    headers = {**orjson.loads(arrival.headers), NO_MAIL: "yes"}
    return replace(arrival, headers=orjson.dumps(headers).decode())


def customer(customer_id: str) -> ObjectDifference:
    """Return the difference of a Stripe customer."""
    return ObjectDifference(
        reread=Reread(kind=ObjectKind.CUSTOMER, id=customer_id), member_key=f"stripe:{customer_id}"
    )


def subscription(subscription_id: str, customer_id: str | None) -> ObjectDifference:
    """Return the difference of a subscription."""
    return ObjectDifference(
        reread=Reread(kind=ObjectKind.SUBSCRIPTION, id=subscription_id),
        member_key=f"stripe:{customer_id or subscription_id}",
    )


def user(user_id: str) -> ObjectDifference:
    """Return the difference of a Clerk user."""
    return ObjectDifference(
        reread=Reread(kind=ObjectKind.USER, id=user_id), member_key=f"clerk:{user_id}"
    )
