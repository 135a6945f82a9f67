"""One run: read who waits, find out who is a member, let the members in, and say what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog

from include.errors import MemberUnknownError, TimeUpError
from include.jobs.luma_auto_approval.approvals import GuestDecision, GuestStatusWriter
from include.jobs.luma_auto_approval.decide import PlusAddressRule, Register, mailbox_of
from include.jobs.luma_auto_approval.pending import coming_events, pending_guests
from include.jobs.luma_auto_approval.report import ApprovalResult
from include.membership.members import ExternalId
from include.store.audit import AuditEntry
from include.vendors.luma.client import Guest, GuestStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.clock import Clock
    from include.membership.members import Member
    from include.settings import JobSettings
    from include.store import Store
    from include.vendors.luma.client import Luma
    from include.vendors.rate_limiter import RateLimiter

ACTOR: Final = "system:luma_approval"
TARGET: Final = "job:luma_auto_approval"
BUDGET: Final = timedelta(seconds=45)
"""Of the run's 60: a last call may take twelve, and the report its part."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LumaRunOptions:
    """What a run is told: by the settings, and by a person who starts it by hand."""

    dry_run: bool = False
    event_id: str | None = None  # only this event
    member_id: UUID | None = None  # only this member's guests
    rule: PlusAddressRule = PlusAddressRule.DISTINCT
    decline_others: bool = False
    takes_money: bool = False  # approves members whose ticket costs money
    send_email: bool = True


def run_options_from(params: Mapping[str, Any], settings: JobSettings) -> LumaRunOptions:
    """Read what a person filled in, and the settings."""
    member_id = params["member_id"]
    return LumaRunOptions(
        dry_run=bool(params["dry_run"]),
        event_id=params["event_id"] or None,
        member_id=UUID(member_id) if member_id else None,
        rule=PlusAddressRule(settings.luma_plus_addresses),
        decline_others=settings.luma_unknown_guests == "decline",
        takes_money=settings.luma_paid_guests == "approve",
        send_email=settings.luma_send_email,
    )


def approve_members(  # noqa: PLR0913 - collaborators, by name
    run_options: LumaRunOptions,
    *,
    luma: Luma,
    limiter: RateLimiter,
    store: Store,
    clock: Clock,
    dag_run_id: str,
) -> ApprovalResult:
    """Let in who is an active member, write down what came of it, and return it.

    What fails for one guest or one event does not stop the others. Raises VendorError where the
    events cannot be listed, and MemberUnknownError where the member asked for is nobody.
    """
    result = ApprovalResult(dry_run=run_options.dry_run)
    member = _one_member(run_options.member_id, store)
    try:
        events = [run_options.event_id] if run_options.event_id else None
        events = events or coming_events(luma, limiter, result, now=clock.now())
        guests = pending_guests(events, luma, limiter, result)
    except TimeUpError as over:
        result.stopped = f"not all guests could be read: {over}"
    else:
        if member is not None:
            guests = _guests_of(member, guests, run_options.rule)
        decisions = _decisions(guests, run_options, store, result)
        if run_options.dry_run:
            _pretend(decisions, result)
        else:
            writer = GuestStatusWriter(luma, limiter, result, send_email=run_options.send_email)
            writer.write_all(decisions)
    _report(result, store=store, clock=clock, dag_run_id=dag_run_id)
    return result


def _one_member(member_id: UUID | None, store: Store) -> Member | None:
    if member_id is None:
        return None
    member = store.members.read([member_id]).get(member_id)
    if member is None or member.deleted_at is not None:
        raise MemberUnknownError(f"there is no member {member_id}")
    return member


def _guests_of(member: Member, guests: Iterable[Guest], rule: PlusAddressRule) -> list[Guest]:
    """Return the guests with an address of this member's."""
    hers = {mailbox_of(address, rule) for address in member.all_addresses}
    return [g for g in guests if g.email is not None and mailbox_of(g.email, rule) in hers]


def _decisions(
    guests: list[Guest], run_options: LumaRunOptions, store: Store, result: ApprovalResult
) -> list[GuestDecision]:
    """Judge every guest; count who is denied, and return what is to be done."""
    result.found = len(guests)
    register = Register(_members_meant(guests, run_options.rule, store), run_options.rule)
    decisions = []
    for guest in guests:
        denial = register.denial(guest.email)
        if denial is None and guest.has_to_pay and not run_options.takes_money:
            result.paid += 1
        elif denial is None:
            decisions.append(GuestDecision(guest=guest, status=GuestStatus.APPROVED))
        else:
            result.denials[denial] += 1
            if run_options.decline_others:
                decisions.append(GuestDecision(guest=guest, status=GuestStatus.DECLINED))
    return sorted(
        decisions, key=lambda one: not one.is_approval
    )  # members first, while there is time


def _members_meant(
    guests: Iterable[Guest], rule: PlusAddressRule, store: Store
) -> Iterable[Member]:
    """Return the members who have one of the guests' addresses."""
    mailboxes = {mailbox_of(guest.email, rule) for guest in guests if guest.email}
    if rule is PlusAddressRule.SAME:
        ids = store.members.find_mailboxes(mailboxes)
    else:
        ids = store.members.find([ExternalId("email", mailbox) for mailbox in mailboxes])
    return store.members.read(ids).values()


def _pretend(decisions: Iterable[GuestDecision], result: ApprovalResult) -> None:
    """Count what would be done."""
    for decision in decisions:
        if decision.is_approval:
            result.approved += 1
        else:
            result.declined += 1


def _report(result: ApprovalResult, *, store: Store, clock: Clock, dag_run_id: str) -> None:
    """Say in the log what came of the run, and in the audit log unless it was only tried out."""
    document = result.document()
    log.info("luma_approval.dry_run" if result.dry_run else "luma_approval.completed", **document)
    if result.dry_run:
        return
    change = AuditEntry(
        target=TARGET,
        actor=ACTOR,
        action="job:completed",
        dag_run_id=dag_run_id,
        metadata=document,
    )
    with store.transaction():
        store.audit.add([change], now=clock.now())
