"""The job `dead_letter_review`: people are asked about all open dead letters at once, group by group.

A group is the letters of one job that failed alike. What is decided is carried out for the letters that were shown;
what failed since then waits for the next review.

Every question has a run of its own. Airflow shows a form as it was first made, even where its task is cleared, while
our groups are counted anew: so a run that has asked once asks no more, and has another run ask. An answer that
cannot be taken as it is changes nothing, and the question is put again, in words, with what was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog

from include.errors import ActRefusedError, AirflowError, ErrorClass
from include.failures.dead_letters import LEFT, DeadLetterService
from include.notify.notices import close_question, move_question, note_question
from include.notify.texts import counted
from include.person import Person, person_from
from include.store.dead_letters import DeadLetterAction, Filter
from include.store.reviews import AskedGroup, ReviewState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from include.clients.airflow import JobAirflow
    from include.clock import Clock
    from include.notify.texts import Links
    from include.store import Store
    from include.store.dead_letters import DeadLetterGroup
    from include.store.reviews import Review

JOB, ASK_TASK = "dead_letter_review", "ask_people"
MOST_GROUPS = 10  # a longer form is not read; the others come with the next review
LATER = timedelta(days=1)  # for so long nobody is asked again about a group
CARRY_OUT, NOT_NOW = "Carry out", "Not now"
WHY = "why"
UNSAID = "decided in a review of dead letters"
NOTHING_OPEN = "No dead letter was open: nobody was asked"
ASKED_ANEW = "People are asked anew, in another run"
UNANSWERED = "Nobody answered in time: the dead letters stay open"

log = structlog.get_logger(__name__)


class Choice(StrEnum):
    """What a person may decide about a group."""

    REPLAY = "replay"
    COMPENSATE = "compensate"
    ABANDON = "abandon"
    LATER = "later"


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of the form; without `choices` it is a text, which may stay empty."""

    name: str
    title: str
    description: str
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What people are asked, in Airflow's words: Markdown and a form."""

    subject: str
    body: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedOut:
    """What came of a review; `refused` are the groups of which nothing was done, with the reason."""

    done: dict[str, int]
    refused: dict[str, str]
    summary: str = "nothing to carry out"

    @property
    def problem(self) -> str | None:
        """Return one line about what was not done."""
        return "; ".join(f"{name}: {why}" for name, why in sorted(self.refused.items())) or None


# --- whether and what to ask ---


def start_if_due(*, store: Store, airflow: JobAirflow, clock: Clock) -> str | None:
    """Have a review started where one is due and none goes on; return its run."""
    if not is_due(store=store, clock=clock) or airflow.has_open_run(JOB):
        return None
    now = clock.now()
    run = _new_run(now)
    airflow.start_run(JOB, run)
    letters = sum(group.count for group in store.dead_letters.groups(Filter()))
    note_question(JOB, run, task=ASK_TASK, letters=letters, store=store, now=now)
    return run


def stands(dag_run_id: str, *, store: Store) -> bool:
    """Tell whether a run has an answer that is still to be carried out."""
    review = store.reviews.get(dag_run_id)
    return review is not None and review.state is ReviewState.ANSWERED


def has_asked(dag_run_id: str, *, store: Store) -> bool:
    """Tell whether this run has put its question: Airflow would show the form of then again."""
    return store.reviews.get(dag_run_id) is not None


def ask_in_another_run(
    dag_run_id: str, *, store: Store, airflow: JobAirflow, clock: Clock
) -> str | None:
    """Have what is open asked about by a run of its own; return it, None where nothing is open.

    Where Airflow does not take it now, `reconciliation` starts one soon.
    """
    if not store.dead_letters.groups(Filter()):
        return None
    now = clock.now()
    run = _new_run(now)
    try:
        airflow.start_run(JOB, run)
    except AirflowError as error:
        log.warning("review.not_started", problem=str(error))
        return None
    store.reviews.leave(dag_run_id, now=now)
    move_question(JOB, dag_run_id, run, store=store)
    return run


def _new_run(now: datetime) -> str:
    return f"review.{now:%Y%m%dT%H%M%S%f}"


def is_due(*, store: Store, clock: Clock) -> bool:
    """Tell whether there is a group that nobody has put off lately."""
    put_off = {
        group.kind
        for review in store.reviews.answered(since=clock.now() - LATER)
        for group in review.groups
        if review.decisions.get(group.name, Choice.LATER) == Choice.LATER
    }
    return any(_kind_of(group) not in put_off for group in store.dead_letters.groups(Filter()))


def ask(dag_run_id: str, *, store: Store, links: Links, clock: Clock) -> Question | None:
    """Write down what is asked, and return it; None where nothing is open."""
    groups = store.dead_letters.groups(Filter())
    if not groups:
        return None
    now, shown = clock.now(), groups[:MOST_GROUPS]
    asked = [_asked(group, store) for group in shown]
    refused = store.reviews.newest_refused()
    count = sum(group.count for group in groups)
    with store.transaction():
        store.reviews.ask(dag_run_id, asked, now=now)
        note_question(JOB, dag_run_id, task=ASK_TASK, letters=count, store=store, now=now)
    chosen = refused.chosen if refused else {}
    return Question(
        subject=f"Decide about {counted(count, 'dead letter')} in {counted(len(groups), 'group')}",
        body=_body(shown, len(groups), refused, store=store, links=links),
        fields=(*(_field(one, chosen.get(one.kind)) for one in asked), _why_field()),
    )


def _asked(group: DeadLetterGroup, store: Store) -> AskedGroup:
    """Return a group as it is shown, named by what it is about: its kind of failure, and its newest letter."""
    kind = Filter(job=group.job, error_class=group.error_class, fingerprint=group.fingerprint)
    ids = [letter.id for letter in store.dead_letters.select(kind)]
    return AskedGroup(
        name=f"{group.job}.{group.fingerprint}.{max(ids, default=0)}",
        job=group.job,
        error_class=str(group.error_class),
        fingerprint=group.fingerprint,
        count=group.count,
        reason=group.reason,
        ids=ids,
    )


def _kind_of(group: DeadLetterGroup) -> tuple[str, str, str]:
    return group.job, str(group.error_class), group.fingerprint


def _field(group: AskedGroup, chosen: str | None) -> Field:
    return Field(
        name=group.name,
        title=f"{group.count} of {group.job}, letter {group.example}",
        description=f"{group.error_class}: {group.reason}",
        choices=tuple(Choice),
        default=_choice(chosen),
    )


def _why_field() -> Field:
    return Field(
        name=WHY,
        title="Why",
        description="Kept in the audit log, without addresses. Needed to abandon.",
    )


def _body(
    groups: Sequence[DeadLetterGroup],
    total: int,
    refused: Review | None,
    *,
    store: Store,
    links: Links,
) -> str:
    again = (
        [f"**Nothing was done: {refused.refusal}.** What was chosen is kept.", ""]
        if refused
        else []
    )
    lines = [
        *again,
        "Decide for each group, then choose *Carry out*. What nobody decides about stays open.",
        "",
        "| letters | job | since | what failed | an example |",
        "|---|---|---|---|---|",
    ]
    for group in groups:
        letter = store.dead_letters.get(group.example_id)
        run = letter.dag_run_id if letter else None
        example = f"[run]({links.run(group.job, run)})" if run else ""
        fixed = f", {group.fixed} fixed by a later event" if group.fixed else ""
        since = f"{group.first_seen_at:%Y-%m-%d %H:%M}"
        reason = _plain(group.reason)
        lines.append(
            f"| {group.count}{fixed} | {group.job} | {since} | {group.error_class}: {reason} "
            f"| letter {group.example_id} {example} |"
        )
    if total > len(groups):
        lines += ["", f"{total - len(groups)} smaller groups come with the next review."]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Keep a reason from being read as Markdown or HTML."""
    escaped = "".join(f"\\{char}" if char in r"\`*_{}[]<>()#|!~" else char for char in text)
    return " ".join(escaped.split())


# --- what was answered ---


def note_answer(  # noqa: PLR0913 - what an answer is, by name
    dag_run_id: str,
    *,
    options: Sequence[str],
    values: Mapping[str, Any],
    user: Mapping[str, str] | None,
    store: Store,
    clock: Clock,
) -> str | None:
    """Write down what a person has decided; return why it cannot be taken, if it cannot.

    Then nothing is done, and what was chosen stands in the form when it is asked again.
    """
    review, why = _review(dag_run_id, store), str(values.get(WHY) or "").strip()
    decisions = {
        group.name: choice
        for group in review.groups
        if CARRY_OUT in options and (choice := _choice(values.get(group.name))) is not Choice.LATER
    }
    refusal = None
    if CARRY_OUT in options:
        refusal = _refusal(review, values, decisions, why) or _impossible(review, decisions, store)
    person = _person(user or {}, UNSAID if refusal or not why or NOT_NOW in options else why)
    now = clock.now()
    if refusal:
        store.reviews.refuse(dag_run_id, decisions, refusal=refusal, actor=person.actor, now=now)
    else:
        store.reviews.answer(dag_run_id, decisions, actor=person.actor, why=person.why, now=now)
    log.info("review.answered", dag_run_id=dag_run_id, decisions=len(decisions), refusal=refusal)
    return refusal


def _refusal(
    review: Review, values: Mapping[str, Any], decisions: Mapping[str, Choice], why: str
) -> str | None:
    """Return in words why an answer cannot be taken as it is."""
    if values.keys() - {group.name for group in review.groups} - {WHY}:
        return "the form was another one than that of this question"
    if not why:
        return "to abandon needs a reason" if Choice.ABANDON in decisions.values() else None
    try:
        person_from("somebody", why)
    except ActRefusedError as error:
        return str(error)
    return None


def _impossible(review: Review, decisions: Mapping[str, Choice], store: Store) -> str | None:
    """Return in words what cannot be done: of letters that all have no events nothing is replayed or half done."""
    for group in review.groups:
        choice = decisions.get(group.name)
        act = None if choice is None else DeadLetterAction(choice)
        if act in LEFT and not store.dead_letters.with_rows(group.ids):
            return f"{group.job}: a letter of these {LEFT[act]}"
    return None


def note_silence(dag_run_id: str, *, store: Store, clock: Clock) -> None:
    """Write down that nobody has answered in time; the letters stay open, and people are asked again."""
    store.reviews.leave_unanswered(dag_run_id, now=clock.now())
    close_question(JOB, dag_run_id, how="nobody has answered", store=store, now=clock.now())


def _choice(value: object) -> Choice:
    try:
        return Choice(str(value))
    except ValueError:
        return Choice.LATER


def _person(user: Mapping[str, str], why: str) -> Person:
    """Return who answered; one whose name is an address is known by her number at Airflow."""
    for who in (user.get("name") or "somebody", f"airflow-{user.get('id') or 'unknown'}"):
        try:
            return person_from(who, why)
        except ActRefusedError:
            continue
    return person_from("somebody", why)


# --- what is done about it ---


def carry_out(dag_run_id: str, *, store: Store, clock: Clock) -> CarriedOut:
    """Do what was decided. Again, it does what is left of it, and nothing twice."""
    review = _review(dag_run_id, store)
    if review.state not in (ReviewState.ANSWERED, ReviewState.DONE):
        return CarriedOut(done={}, refused={})
    desk, done, refused = DeadLetterService(store, clock=clock), {}, {}
    by = Person(actor=review.actor or "user:somebody", why=review.why or UNSAID)
    desk.resume()
    for group in review.groups:
        choice = _choice(review.decisions.get(group.name))
        if choice is Choice.LATER:
            continue
        act, wanted = DeadLetterAction(choice), _wanted(group, review)
        acts = (DeadLetterAction.CLOSE_FIXED, act) if act is DeadLetterAction.REPLAY else (act,)
        changed = sum(desk.decide(one, wanted, by=by).done for one in acts)
        if changed or group.name not in review.results:  # again, there is nothing left to change
            outcome = {"act": str(choice), "letters": changed}
            store.reviews.save_result(dag_run_id, group.name, outcome)
        done[group.name] = changed
        if act in LEFT and (left := desk.preview(act, wanted).count):
            refused[group.name] = f"{counted(left, 'letter')} left: such a letter {LEFT[act]}"
    store.reviews.finish(dag_run_id, now=clock.now())
    how = _summary(_review(dag_run_id, store))
    close_question(JOB, dag_run_id, how=how, store=store, now=clock.now())
    return CarriedOut(done=done, refused=refused, summary=how)


def _wanted(group: AskedGroup, review: Review) -> Filter:
    """Return the letters that were shown, but for those that have failed again since then."""
    return Filter(
        ids=tuple(group.ids),
        job=group.job,
        error_class=ErrorClass(group.error_class),
        fingerprint=group.fingerprint,
        until=review.asked_at,
    )


def _summary(review: Review) -> str:
    """Say in one line what was decided and by whom."""
    acts = ", ".join(
        f"{result['act']} {result['letters']}" for _, result in sorted(review.results.items())
    )
    who = (review.actor or "").removeprefix("user:")
    return f"{who} has decided: {acts or 'nothing now'}"


def _review(dag_run_id: str, store: Store) -> Review:
    review = store.reviews.get(dag_run_id)
    if review is None:
        raise LookupError(f"nobody was asked in the run {dag_run_id}")
    return review
