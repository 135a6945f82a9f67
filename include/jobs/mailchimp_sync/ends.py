"""Planned ends follow what the vendors say, in the transaction that applies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.jobs.endings import decide, wanted_end
from include.jobs.mailchimp_sync.names import ACTOR
from include.jobs.membership import STANDINGS, Standing, standing_of
from include.jobs.planned_ends import Author, Whose, carry_out
from include.store.audit import Change, member_target

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from include.jobs.directory import Directory
    from include.store import Store
    from include.store.members import Member


def plan_ends(
    members: Collection[Member],
    directory: Directory,
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
        by = Author(actor=ACTOR, now=directory.now, dag_run_id=dag_run_id, inbox_ids=rows)
        _plan_member(member, directory, by=by, store=store)
    back = [member.id for member in members if _is_back(member, directory)]
    if back:
        _show(back, directory, dag_run_id=dag_run_id, store=store)


def _plan_member(member: Member, directory: Directory, *, by: Author, store: Store) -> None:
    before = {m.subscription_id: m.status for m in directory.memberships_before(member.id)}
    for membership in member.memberships:
        subscription_id = membership.subscription_id
        if subscription_id is None:  # the platform's own: no vendor speaks of its end
            continue
        history = directory.history(subscription_id, member)
        status = before.get(subscription_id)
        decision = decide(
            history.latest,
            wanted_end(membership, history, now=directory.now),
            had_ended=status is not None and STANDINGS[status] is Standing.ENDED,
            now=directory.now,
        )
        if decision is not None:
            whose = Whose(member.id, subscription_id)
            carry_out(decision, history.latest, whose, by=by, store=store)


def _is_back(member: Member, directory: Directory) -> bool:
    """Tell whether a member is active who was not."""
    before = directory.memberships_before(member.id)
    was_active = any(STANDINGS[m.status] is Standing.ACTIVE for m in before)
    return not was_active and standing_of(member) is Standing.ACTIVE


def _show(
    member_ids: Collection[UUID], directory: Directory, *, dag_run_id: str, store: Store
) -> None:
    """Show the profiles again that a deactivation has hidden."""
    shown = store.deactivations.show_profiles(member_ids, now=directory.now)
    changes = [
        Change(
            target=member_target(member_id),
            actor=ACTOR,
            action="profile:show",
            dag_run_id=dag_run_id,
        )
        for member_id in shown
    ]
    store.audit.add(changes, now=directory.now)
