"""Undo what a sync has half done at Mailchimp, when a person gives it up.

What the platform's tables say stays: that is what the vendors say. At Mailchimp the contact gets back the tags
that it was last left with, or loses ours where we never left it in line; a welcome that is still planned is not
sent any more. The contact itself is not taken away: she may have been a reader before she was a member.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from include.errors import ComplianceError, VendorNotFoundError
from include.jobs.mailchimp_sync.decide import wanted_key
from include.jobs.mailchimp_sync.names import ACTOR, WELCOME
from include.membership.desired_contact import desired_contact_of
from include.membership.members import state_of
from include.store.audit import AuditEntry, member_target
from include.store.steps import Ending, StepState

if TYPE_CHECKING:
    from uuid import UUID

    from include.clock import Clock
    from include.store import Store
    from include.vendors.mailchimp.client import Mailchimp

NOT_WELCOMED = "a person gave the sync up"


def undo(member_id: UUID, *, store: Store, mailchimp: Mailchimp, clock: Clock) -> bool:
    """Undo a member's half-done sync, and tell whether that took a call.

    May be repeated: the tags are set, not toggled.
    """
    with store.transaction():
        store.members.lock([member_id])
        member = store.members.read([member_id]).get(member_id)
        desired = desired_contact_of(member) if member else None
        if member is None or desired is None:
            return False
        had = member.contact.tags if member.contact else frozenset()
        tags = {tag: tag in had for tag in sorted(desired.tags | had)}
        with suppress(VendorNotFoundError, ComplianceError):  # then nothing was done either
            mailchimp.set_tags(wanted_key(desired, member.contact), tags)
        now = clock.now()
        ending = Ending(key=f"{WELCOME}:{member_id}", state=StepState.REFUSED, reason=NOT_WELCOMED)
        store.steps.end([ending], now=now)
        change = AuditEntry(
            target=member_target(member_id),
            actor=ACTOR,
            action="mailchimp:undo",
            after=state_of(member),
            metadata={"tags": sorted(had)},
        )
        store.audit.add([change], now=now)
    return True
