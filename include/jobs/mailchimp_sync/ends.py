"""Planned ends follow what the vendors say, in the transaction that applies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.jobs.mailchimp_sync.names import ACTOR
from include.membership.end_rules import decide, wanted_end
from include.membership.standing import STANDINGS, Standing, standing_of
from include.store.audit import AuditEntry, member_target
from include.store.scheduled_ends import AuditContext, MembershipReference, carry_out

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from include.membership.identity_map import IdentityMap
    from include.membership.members import Member
    from include.store import Store


def plan_ends(
    members: Collection[Member],
    identity_map: IdentityMap,
    *,
    sources: Mapping[UUID, Sequence[int]],
    dag_run_id: str,
    store: Store,
) -> None:
    """Plan, move and revoke ends as these members' new states want it, and show who is back.

    `sources` are the rows that told of each member.
    """
    for member in members:
        rows = tuple(sources.get(member.id, ()))
        by = AuditContext(actor=ACTOR, now=identity_map.now, dag_run_id=dag_run_id, inbox_ids=rows)
        _plan_member(member, identity_map, by=by, store=store)
    back = [m.id for m in members if _is_back(m, identity_map) and not m.is_barred]
    if back:
        shown = store.deactivations.show_profiles(back, now=identity_map.now)
        _audit("show", shown, identity_map, dag_run_id=dag_run_id, store=store)


def heed_bars(
    members: Collection[Member], identity_map: IdentityMap, *, dag_run_id: str, store: Store
) -> None:
    """Hide the profiles of whom Clerk has barred; show them again when that is over, to whom is not over, too."""
    changed = [m for m in members if m.is_barred != _was_barred(m, identity_map)]
    barred = [m.id for m in changed if m.is_barred]
    freed = {m.id: standing_of(m) for m in changed if not m.is_barred}
    over = [member_id for member_id, standing in freed.items() if standing is Standing.ENDED]
    shown = [member_id for member_id in freed if member_id not in over]
    rows, now = store.deactivations, identity_map.now
    if barred:
        hidden = rows.hide_barred(barred, now=now)
        _audit("hide", hidden, identity_map, dag_run_id=dag_run_id, store=store)
    if over:
        rows.leave_hidden(over)
    if shown:
        back = {*rows.show_freed(shown, now=now), *rows.show_profiles(shown, now=now)}
        _audit("show", sorted(back), identity_map, dag_run_id=dag_run_id, store=store)


def _was_barred(member: Member, identity_map: IdentityMap) -> bool:
    known = identity_map.known.get(member.id)
    return known is not None and known.is_barred


def _plan_member(
    member: Member, identity_map: IdentityMap, *, by: AuditContext, store: Store
) -> None:
    before = {m.subscription_id: m.status for m in identity_map.memberships_before(member.id)}
    for membership in member.memberships:
        subscription_id = membership.subscription_id
        if subscription_id is None:  # the platform's own: no vendor speaks of its end
            continue
        history = identity_map.history(subscription_id, member)
        status = before.get(subscription_id)
        decision = decide(
            history.latest,
            wanted_end(membership, history, now=identity_map.now),
            had_ended=status is not None and STANDINGS[status] is Standing.ENDED,
            now=identity_map.now,
        )
        if decision is not None:
            whose = MembershipReference(member.id, subscription_id)
            carry_out(decision, history.latest, whose, by=by, store=store)


def _is_back(member: Member, identity_map: IdentityMap) -> bool:
    """Tell whether a member is active who was not."""
    before = identity_map.memberships_before(member.id)
    was_active = any(STANDINGS[m.status] is Standing.ACTIVE for m in before)
    return not was_active and standing_of(member) is Standing.ACTIVE


def _audit(
    act: str,
    member_ids: Collection[UUID],
    identity_map: IdentityMap,
    *,
    dag_run_id: str,
    store: Store,
) -> None:
    """Write down whose profiles were shown or hidden."""
    changes = [
        AuditEntry(
            target=member_target(member_id),
            actor=ACTOR,
            action=f"profile:{act}",
            dag_run_id=dag_run_id,
        )
        for member_id in member_ids
    ]
    store.audit.add(changes, now=identity_map.now)
