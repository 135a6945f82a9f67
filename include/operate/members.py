"""One member as a person sees her: how she stands everywhere, why, what is open, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from include.failures.dead_letters import TAKEN_AS_DONE
from include.jobs.mailchimp_sync.decide import OUR_TAGS
from include.jobs.mailchimp_sync.names import WELCOME
from include.membership.contacts import ContactStatus
from include.membership.desired_contact import desired_contact_of, is_satisfied, tags_in
from include.membership.ends import EndState
from include.membership.policy import load
from include.membership.standing import Standing, has_access, standing_of
from include.operate.commands.deactivations import stripe_page
from include.operate.commands.policy import explained
from include.operate.event_words import STATUS_WORDS, Told, standing_words, told_of
from include.operate.options import (
    Option,
    day,
    end_options,
    end_words,
    finding_option,
    letter_options,
    letter_words,
    moment,
)
from include.store.dead_letters import NOT_CLOSED, DeadLetterState, Filter
from include.store.steps import StepState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.membership.ends import Deactivation
    from include.membership.members import Member
    from include.membership.policy import Policy
    from include.store import Store
    from include.store.dead_letters import DeadLetter
    from include.store.findings import KeptFinding
    from include.store.lookup import JournalStep, MemberPlaces
    from include.store.timeline import TimelineEntry

OUT_OF_REACH = (ContactStatus.COMPLIANCE, ContactStatus.FORGOTTEN)
MOVING = (DeadLetterState.RETRYING, DeadLetterState.REPLAYING, DeadLetterState.COMPENSATING)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberPlace:
    """How she is known in one place; `should` says what is to be there where that differs."""

    name: str
    words: str
    should: str | None = None
    link: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberEvent:
    """One thing that happened, in words; `run` is its job and its run."""

    at: datetime
    words: str
    detail: str | None
    run: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberView:
    """All of it."""

    id: UUID
    name: str
    email: str | None
    standing: str
    reasons: tuple[str, ...]
    places: tuple[MemberPlace, ...]
    welcome: str
    problem: str | None  # what is open, in one sentence
    told: tuple[Told, ...]  # what the events said that it is about
    options: tuple[Option, ...]
    ends: tuple[str, ...]
    story: tuple[MemberEvent, ...]
    is_moving: bool  # something goes on right now: look again in a moment


def read_member(store: Store, member_id: UUID, *, sees_names: bool = False) -> MemberView | None:
    """Return a member's page; None where nobody is known by this id."""
    member = store.members.read([member_id]).get(member_id)
    if member is None:
        return None
    wanted = Filter(member_id=member_id, states=(*NOT_CLOSED, DeadLetterState.ABANDONED))
    letters = store.dead_letters.select(wanted)
    ends = store.deactivations.of_member(member_id)
    findings = [one for one in store.findings.read() if one.member_id == member_id]
    waiting = [one for one in letters if one.state is DeadLetterState.OPEN]
    told = told_of(store, waiting, sees_names=sees_names).values()
    step = store.lookup.step(f"{WELCOME}:{member_id}")
    entries = store.timeline.of(str(member_id)).entries
    mode = store.inbox.mode_of("stripe")
    return MemberView(
        id=member_id,
        name=" ".join(filter(None, (member.first_name, member.last_name))),
        email=member.email,
        standing=standing_words(member),
        reasons=tuple(explained(member, policy_in_use(), None)),
        places=tuple(_places(member, store.lookup.places(member_id), mode=mode)),
        welcome=welcome_words(member, step, letters),
        problem=_problem(member, letters, findings, ends),
        told=tuple(dict.fromkeys(chain(*told))),
        options=tuple(_options(letters, findings, ends)),
        ends=tuple(end_words(one) for one in ends),
        story=tuple(_story(entries)),
        is_moving=any(one.state in MOVING for one in letters)
        or any(one.state is EndState.RUNNING for one in ends)
        or any(one.what in ("is waiting", "is dispatched") for one in entries),
    )


@cache
def policy_in_use() -> Policy:
    """Return the policy file that this deployment came with."""
    return load()


def welcome_words(member: Member, step: JournalStep | None, letters: Sequence[DeadLetter]) -> str:
    """Say whether she has been welcomed: sent, not because …, or nobody knows."""
    if step is None:
        return _never_planned(member, letters)
    known = {
        StepState.DONE: f"Sent, {moment(step.finished_at)}: Mailchimp has taken it",
        StepState.UNCERTAIN: f"Nobody knows: the answer to the call of {moment(step.intended_at)} was lost",
        StepState.REFUSED: f"Not sent: {step.reason}",
        StepState.INTENDED: "Is being sent",
    }
    if step.state == StepState.DONE and step.reason == TAKEN_AS_DONE:
        return "A person has said that she has it"
    if step.state != StepState.PLANNED:
        return known[StepState(step.state)]
    waits = next(
        (one.reason for one in letters if one.state is not DeadLetterState.ABANDONED), None
    )
    if waits is None and member.contact and member.contact.status is ContactStatus.PENDING:
        waits = "she has yet to confirm her address at Mailchimp"
    return f"Not sent yet: {waits or step.reason or 'her run has not come to it'}"


def _never_planned(member: Member, letters: Sequence[DeadLetter]) -> str:
    if standing_of(member) is not Standing.ACTIVE:
        return "Not sent: she was never a member in good standing"
    for one in letters:
        if one.state is not DeadLetterState.ABANDONED:
            return f"Not sent: {one.reason}"
    within = policy_in_use().welcome.within.days
    return f"Not sent: it was not her first membership, or it had begun more than {within} days before we heard of it"


# --- where she is known ---


def _places(member: Member, known: MemberPlaces, *, mode: str) -> Iterator[MemberPlace]:
    yield MemberPlace(name="Platform", words=standing_words(member))
    for one in member.memberships:
        until = (
            f", paid until {day(one.current_period_end)}"
            if one.current_period_end and not one.ended_at
            else ""
        )
        leaves = ", and she has asked to leave" if one.is_canceling and not one.ended_at else ""
        link = stripe_page(one.subscription_id, mode=mode) if one.subscription_id else None
        yield MemberPlace(name="Stripe", words=f"{one.status} {one.tier}{until}{leaves}", link=link)
    if not member.memberships:
        yield MemberPlace(name="Stripe", words="no subscription that makes a membership")
    barred = ", banned or locked out" if member.is_barred else ""
    account = "an account" if member.clerk_user_id else "no account"
    yield MemberPlace(name="Clerk", words=f"{account}{barred}")
    yield _mailchimp(member, known)
    opened = "she is let in" if has_access(member) else "she is not let in by herself"
    yield MemberPlace(name="Luma", words=f"at events for members {opened}")
    yield _slack(known, is_let_in=has_access(member))


def _mailchimp(member: Member, known: MemberPlaces) -> MemberPlace:
    desired, contact = desired_contact_of(member), member.contact
    if contact is None:
        should = "a contact that gets mail" if desired and desired.subscribed else None
        return MemberPlace(name="Mailchimp", words="no contact", should=should)
    tags = ", ".join(sorted(contact.tags)) or "no tags"
    words = f"{STATUS_WORDS[contact.status]}; {tags}; as of {moment(known.synced_at)}"
    if desired is None or is_satisfied(desired, contact) or contact.status in OUT_OF_REACH:
        return MemberPlace(name="Mailchimp", words=words)
    mail = "gets mail" if desired.subscribed else "gets no mail"
    ours = tags_in(desired.tags, OUR_TAGS | desired.tags)
    return MemberPlace(name="Mailchimp", words=words, should=f"{mail}; {', '.join(sorted(ours))}")


def _slack(known: MemberPlaces, *, is_let_in: bool) -> MemberPlace:
    if known.slack_user_id is None:
        return MemberPlace(name="Slack", words="no account that we know of")
    is_out = known.lapsed_since is not None
    words = f", without a membership since {day(known.lapsed_since)}" if is_out else ""
    should = "among the members" if is_let_in else "not among the members"
    return MemberPlace(
        name="Slack",
        words=f"{known.slack_user_id}{words}",
        should=should if is_out is is_let_in else None,
    )


# --- what is open, and what can be done ---


def _problem(
    member: Member,
    letters: Sequence[DeadLetter],
    findings: Sequence[KeptFinding],
    ends: Sequence[Deactivation],
) -> str | None:
    for one in letters:
        if one.state is DeadLetterState.OPEN:
            return letter_words(one)
    for one in letters:
        if one.state in MOVING:
            return f"{letter_words(one)} It is being done: {one.state}."
    if findings:
        return f"{findings[0].words}."
    for end in ends:
        if end.state in (EndState.FAILED, EndState.DATE_UNKNOWN) or (end.is_open and end.problem):
            return f"Her planned end cannot go on: {end.why or end.problem or 'it has no date'}."
    if not is_satisfied(desired_contact_of(member), member.contact) and (
        member.contact is None or member.contact.status not in OUT_OF_REACH
    ):
        return "Mailchimp does not have yet what it should: bring her in line, or wait for the run."
    return None


def _options(
    letters: Sequence[DeadLetter], findings: Sequence[KeptFinding], ends: Sequence[Deactivation]
) -> Iterator[Option]:
    for letter in letters:
        yield from letter_options(letter)
    yield from map(finding_option, findings)
    latest = {one.subscription_id: one for one in ends}  # the oldest come first
    for end in latest.values():
        yield from end_options(end)
    yield Option(
        act="in_line:0",
        label="Bring in line",
        effect="Stripe and Clerk are asked anew, and Mailchimp gets what she should have. Safe to repeat.",
    )
    yield Option(act="note:0", label="Only keep the note", effect="It is in her history.")


# --- what happened ---

WORDS = {
    "stripe checkout.session.completed": "Stripe: she has been through the checkout",
    "stripe customer.subscription.created": "Stripe: a subscription has begun",
    "stripe customer.subscription.updated": "Stripe: her subscription has changed",
    "stripe customer.subscription.deleted": "Stripe: her subscription has ended",
    "stripe invoice.paid": "Stripe: an invoice is paid",
    "stripe invoice.payment_succeeded": "Stripe: a payment has come in",
    "stripe invoice.payment_failed": "Stripe: a payment has failed",
    "stripe charge.refunded": "Stripe: she got money back",
    "stripe reconciliation.customer": "We asked Stripe about her anew",
    "stripe reconciliation.subscription": "We asked Stripe about her subscription anew",
    "clerk reconciliation.user": "We asked Clerk about her anew",
    "clerk user.created": "Clerk: she has made an account",
    "clerk user.updated": "Clerk: her account has changed",
    "clerk user.deleted": "Clerk: her account was deleted",
    "run finished": "The run has ended",
    "run lost": "The run was lost",
    "run waits": "The run cannot start yet",
    "try failed": "It failed",
    "mailchimp:create": "She is a member here now",
    "mailchimp:update": "Her membership here is brought up to date",
    "mailchimp:cancel": "Her membership here has ended",
    "welcome:uncertain": "Nobody knows whether the welcome arrived",
    "welcome done": "Welcome sent",
    "welcome uncertain": "Nobody knows whether the welcome arrived",
    "welcome refused": "No welcome",
    "membership closed": "The membership is closed here",
    "deactivation:plan": "An end is planned",
    "deactivation:move": "The planned end is moved",
    "deactivation:revoke": "The planned end is not to be any more",
    "member:deactivated": "Her membership here has ended, as planned",
    "member:merge": "Two entries turned out to be her",
    "mailchimp:undo": "A person has what was half done at Mailchimp undone",
    "finding:open": "Something about her needs a person",
    "finding:close": "A person says that it may stay so",
    "finding:end": "What needed a person is over",
    "dead_letter:open": "A dead letter waits for a person",
    "dead_letter:replay": "A person has it tried again",
    "dead_letter:compensate": "A person has closed it as done",
    "dead_letter:abandon": "A person lets it be",
    "dead_letter:undo_abandon": "A person takes it up again",
    "dead_letter:close_fixed": "A person closes what came right",
    "dead_letter:hold": "A person holds the repeat",
    "dead_letter:resolved": "The dead letter has come right otherwise",
    "dead_letter:replayed": "The dead letter has come right",
    "console:note": "A note",
    "console:start": "A person has started a job for her",
    "console:send_again": "A person has an event sent again",
    "console:in_line": "A person has her brought in line",
}
PASSED_OVER = ("received ", "taken by a run", "run accepted", "is processed", "run made ahead")


def _story(entries: Sequence[TimelineEntry]) -> Iterator[MemberEvent]:
    """Yield what happened, the newest first; what only says that all goes its way is left to `ops timeline`."""
    for one in reversed(entries):
        if one.what.startswith(PASSED_OVER) or one.what.endswith((" planned", " begun")):
            continue
        if one.what in ("processed", "console:looked_up"):
            continue
        run = (one.job, one.dag_run_id) if one.job and one.dag_run_id else None
        words = WORDS.get(one.what) or one.what.replace("_", " ").replace(":", ": ")
        yield MemberEvent(at=one.at, words=words, detail=one.detail, run=run)
