"""Trigger the welcome: once per member for ever, through the step journal.

Mailchimp does not promise that a repeated trigger is harmless. So the intent is committed before each
call; a call whose answer is lost, or whose task ended before it, is uncertain, and only a person repeats
it. Calls go out in small groups: that is how many can be uncertain at once.

A contact that has yet to be confirmed gets no welcome: it stays planned, and the run that learns of the
confirmation sends it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from include.errors import (
    NotSubscribedError,
    VendorError,
    VendorUncertainError,
)
from include.failures.cases import note_uncertain
from include.failures.retry_policy import is_retried_by_task
from include.jobs.mailchimp_sync.names import ACTOR, JOB, WELCOME
from include.membership.contacts import ContactStatus
from include.membership.desired_contact import desired_contact_of, is_satisfied
from include.membership.standing import Standing, standing_of
from include.store.audit import AuditEntry, member_target
from include.store.run_members import MemberOutcome, MemberResult
from include.store.steps import Ending, StepState
from include.vendors.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from include.clock import Clock
    from include.membership.members import Member
    from include.store import Store
    from include.vendors.mailchimp.client import Mailchimp

ABANDONED = timedelta(minutes=2)  # far above every time-out: nobody works on the call any more

log = structlog.get_logger(__name__)


def mark_uncertain(dag_run_id: str, store: Store, clock: Clock) -> None:
    """Hand over to a person what was begun before and never ended."""
    now = clock.now()
    with store.transaction():
        uncertain = store.steps.mark_uncertain(
            WELCOME, dag_run_id, stale_since=now - ABANDONED, now=now
        )
        _note_uncertain(uncertain, dag_run_id, store, clock)


def to_welcome(dag_run_id: str, store: Store, clock: Clock) -> dict[str, Member]:
    """Return the members to welcome, by step; refuse the steps of those who must not be any more."""
    planned = store.steps.planned(WELCOME, dag_run_id)
    members = store.members.read(set(planned.values()))
    welcome: dict[str, Member] = {}
    refused: list[Ending] = []
    for key, member_id in planned.items():
        member = members.get(member_id)
        if reason := _reason_against(member):
            refused.append(Ending(key=key, state=StepState.REFUSED, reason=reason))
        elif member and _can_be_welcomed(member):
            welcome[key] = (
                member  # else the run that mends her contact, or hears of it, welcomes her
            )
    store.steps.end(refused, now=clock.now())
    return welcome


def _can_be_welcomed(member: Member) -> bool:
    """Tell whether her contact is as it should be, and confirmed."""
    contact = member.contact
    is_confirmed = contact is not None and contact.status is not ContactStatus.PENDING
    return is_confirmed and is_satisfied(desired_contact_of(member), contact)


def _reason_against(member: Member | None) -> str | None:
    if member is None or standing_of(member) is not Standing.ACTIVE:
        return "the membership was over before the welcome"
    if member.contact is not None and not member.contact.receives_mail:
        return "the contact gets no mail"
    return None


def welcome_group(
    group: Mapping[str, Member],
    dag_run_id: str,
    store: Store,
    mailchimp: Mailchimp,
    clock: Clock,
) -> dict[UUID, VendorError]:
    """Make the calls of a group at once; return the members for whom one surely did not arrive.

    Who is not subscribed after all is no failure: her welcome waits until Mailchimp says that she is.
    """
    ours = store.steps.intend(list(group), dag_run_id=dag_run_id, now=clock.now())
    keys = [key for key in group if key in ours]
    answers = fan_out(
        lambda key: mailchimp.trigger_welcome(group[key].email or ""), keys, width=len(group)
    )
    errors = {
        key: answer
        for key, answer in zip(keys, answers, strict=True)
        if isinstance(answer, VendorError)
    }
    endings = [_ending(key, errors.get(key)) for key in keys]
    uncertain = [group[end.key].id for end in endings if end.state is StepState.UNCERTAIN]
    done = [group[end.key].id for end in endings if end.state is StepState.DONE]
    waiting = [group[key].id for key, e in errors.items() if isinstance(e, NotSubscribedError)]
    with store.transaction():
        store.steps.end(endings, now=clock.now())
        store.contacts.note_pending(waiting)
        store.run_members.recover(dag_run_id, done)
        _note_uncertain(uncertain, dag_run_id, store, clock)
    return {
        group[key].id: error
        for key, error in errors.items()
        if not isinstance(error, VendorUncertainError | NotSubscribedError)
    }


def _ending(key: str, error: VendorError | None) -> Ending:
    """Return where a step goes: a refusal leaves it planned, for when its cause is mended."""
    if error is None:
        return Ending(key=key, state=StepState.DONE)
    is_lost = isinstance(error, VendorUncertainError)
    state = StepState.UNCERTAIN if is_lost else StepState.PLANNED
    return Ending(key=key, state=state, reason=str(error))


def _note_uncertain(
    member_ids: Sequence[UUID], dag_run_id: str, store: Store, clock: Clock
) -> None:
    """Write down that welcomes are uncertain; each waits for a person."""
    note_uncertain(
        {f"{WELCOME}:{member_id}": member_id for member_id in member_ids},
        job=JOB,
        reason="the answer to the welcome was lost: she has it, or not",
        dag_run_id=dag_run_id,
        store=store,
        now=clock.now(),
    )
    changes: Sequence[AuditEntry] = [
        AuditEntry(
            target=member_target(member_id),
            actor=ACTOR,
            action="welcome:uncertain",
            dag_run_id=dag_run_id,
        )
        for member_id in member_ids
    ]
    for change in changes:
        log.warning("welcome.uncertain", member=change.target)
    store.audit.add(changes, now=clock.now())


def answer_for(
    errors: Mapping[UUID, VendorError], dag_run_id: str, store: Store, *, is_last_try: bool
) -> None:
    """Fail the members whose welcome was refused, or have the task tried again."""
    later = [e for e in errors.values() if is_retried_by_task(e)]
    failed = [
        MemberResult(
            member_id=member_id,
            outcome=MemberOutcome.FAILED,
            reason=f"not welcomed: {error}",
            error_class=error.kind,
        )
        for member_id, error in errors.items()
        if is_last_try or not is_retried_by_task(error)
    ]
    store.run_members.fail(dag_run_id, failed)
    if later and not is_last_try:
        raise later[0]
