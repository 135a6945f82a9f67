"""Ask, take the answer, and do what was decided."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from include.errors import AirflowError
from include.failures.dead_letters import LEFT, DeadLetterService
from include.jobs.dead_letter_review.decide import (
    WHY,
    Choice,
    choice_from,
    dead_letters_of,
    kind_of,
    person_of,
    refusal_of,
)
from include.jobs.dead_letter_review.report import (
    CarriedOut,
    Question,
    body_of,
    field_of_group,
    summary_of,
    why_field,
)
from include.notify.notices import close_question, move_question, note_question
from include.notify.texts import counted
from include.person import Person
from include.store.dead_letters import DeadLetterAction, Filter
from include.store.reviews import AskedGroup, ReviewState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from include.airflow_api.client import AirflowClient
    from include.clock import Clock
    from include.links import Links
    from include.store import Store
    from include.store.dead_letters import DeadLetterGroup
    from include.store.reviews import Review

JOB, ASK_TASK = "dead_letter_review", "ask_people"
MAX_GROUPS = 10  # a longer form is not read; the others come with the next review
LATER = timedelta(days=1)  # for so long nobody is asked again about a group
CARRY_OUT, NOT_NOW = "Carry out", "Not now"
UNSAID = "decided in a review of dead letters"
NOTHING_OPEN = "No dead letter was open: nobody was asked"
ASKED_ANEW = "People are asked anew, in another run"
UNANSWERED = "Nobody answered in time: the dead letters stay open"

log = structlog.get_logger(__name__)


# --- whether and what to ask ---


def start_if_due(*, store: Store, airflow: AirflowClient, clock: Clock) -> str | None:
    """Have a review started where one is due and none goes on; return its run."""
    if not is_due(store=store, clock=clock) or airflow.has_open_run(JOB):
        return None
    now = clock.now()
    run = _new_run(now)
    airflow.start_run(JOB, run)
    dead_letters = sum(group.count for group in store.dead_letters.groups(Filter()))
    note_question(JOB, run, task=ASK_TASK, dead_letters=dead_letters, store=store, now=now)
    return run


def stands(dag_run_id: str, *, store: Store) -> bool:
    """Tell whether a run has an answer that is still to be carried out."""
    review = store.reviews.get(dag_run_id)
    return review is not None and review.state is ReviewState.ANSWERED


def has_asked(dag_run_id: str, *, store: Store) -> bool:
    """Tell whether this run has put its question: Airflow would show the form of then again."""
    return store.reviews.get(dag_run_id) is not None


def ask_in_another_run(
    dag_run_id: str, *, store: Store, airflow: AirflowClient, clock: Clock
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
    return any(kind_of(group) not in put_off for group in store.dead_letters.groups(Filter()))


def ask(dag_run_id: str, *, store: Store, links: Links, clock: Clock) -> Question | None:
    """Write down what is asked, and return it; None where nothing is open."""
    groups = store.dead_letters.groups(Filter())
    if not groups:
        return None
    now, shown = clock.now(), groups[:MAX_GROUPS]
    asked = [_asked(group, store) for group in shown]
    refused = store.reviews.newest_refused()
    count = sum(group.count for group in groups)
    with store.transaction():
        store.reviews.ask(dag_run_id, asked, now=now)
        note_question(JOB, dag_run_id, task=ASK_TASK, dead_letters=count, store=store, now=now)
    chosen = refused.chosen if refused else {}
    return Question(
        subject=f"Decide about {counted(count, 'dead letter')} in {counted(len(groups), 'group')}",
        body=body_of(shown, len(groups), refused, store=store, links=links),
        fields=(*(field_of_group(one, chosen.get(one.kind)) for one in asked), why_field()),
    )


def _asked(group: DeadLetterGroup, store: Store) -> AskedGroup:
    """Return a group as it is shown, named by what it is about: its kind of failure, and its newest dead letter."""
    kind = Filter(job=group.job, error_class=group.error_class, fingerprint=group.fingerprint)
    ids = [dead_letter.id for dead_letter in store.dead_letters.select(kind)]
    return AskedGroup(
        name=f"{group.job}.{group.fingerprint}.{max(ids, default=0)}",
        job=group.job,
        error_class=str(group.error_class),
        fingerprint=group.fingerprint,
        count=group.count,
        reason=group.reason,
        ids=ids,
    )


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
        if CARRY_OUT in options
        and (choice := choice_from(values.get(group.name))) is not Choice.LATER
    }
    refusal = None
    if CARRY_OUT in options:
        refusal = refusal_of(review, values, decisions, why) or _impossible(
            review, decisions, store
        )
    person = person_of(user or {}, UNSAID if refusal or not why or NOT_NOW in options else why)
    now = clock.now()
    if refusal:
        store.reviews.refuse(dag_run_id, decisions, refusal=refusal, actor=person.actor, now=now)
    else:
        store.reviews.answer(dag_run_id, decisions, actor=person.actor, why=person.why, now=now)
    log.info("review.answered", dag_run_id=dag_run_id, decisions=len(decisions), refusal=refusal)
    return refusal


def _impossible(review: Review, decisions: Mapping[str, Choice], store: Store) -> str | None:
    """Return in words what cannot be done: of those that all have no events nothing is replayed or half done."""
    for group in review.groups:
        choice = decisions.get(group.name)
        act = None if choice is None else DeadLetterAction(choice)
        if act in LEFT and not store.dead_letters.with_rows(group.ids):
            return f"{group.job}: a dead letter of these {LEFT[act]}"
    return None


def note_silence(dag_run_id: str, *, store: Store, clock: Clock) -> None:
    """Write down that nobody has answered in time; the dead letters stay open, and people are asked again."""
    store.reviews.leave_unanswered(dag_run_id, now=clock.now())
    close_question(JOB, dag_run_id, how="nobody has answered", store=store, now=clock.now())


# --- what is done about it ---


def carry_out(dag_run_id: str, *, store: Store, clock: Clock) -> CarriedOut:
    """Do what was decided. Again, it does what is left of it, and nothing twice."""
    review = _review(dag_run_id, store)
    if review.state not in (ReviewState.ANSWERED, ReviewState.DONE):
        return CarriedOut(done={}, refused={})
    service, done, refused = DeadLetterService(store, clock=clock), {}, {}
    by = Person(actor=review.actor or "user:somebody", why=review.why or UNSAID)
    service.resume()
    for group in review.groups:
        choice = choice_from(review.decisions.get(group.name))
        if choice is Choice.LATER:
            continue
        act, wanted = DeadLetterAction(choice), dead_letters_of(group, review)
        acts = (DeadLetterAction.CLOSE_FIXED, act) if act is DeadLetterAction.REPLAY else (act,)
        changed = sum(service.decide(one, wanted, by=by).done for one in acts)
        if changed or group.name not in review.results:  # again, there is nothing left to change
            outcome = {"act": str(choice), "letters": changed}
            store.reviews.save_result(dag_run_id, group.name, outcome)
        done[group.name] = changed
        if act in LEFT and (left := service.preview(act, wanted).count):
            refused[group.name] = (
                f"{counted(left, 'dead letter')} left: such a dead letter {LEFT[act]}"
            )
    store.reviews.finish(dag_run_id, now=clock.now())
    how = summary_of(_review(dag_run_id, store))
    close_question(JOB, dag_run_id, how=how, store=store, now=clock.now())
    return CarriedOut(done=done, refused=refused, summary=how)


def _review(dag_run_id: str, store: Store) -> Review:
    review = store.reviews.get(dag_run_id)
    if review is None:
        raise LookupError(f"nobody was asked in the run {dag_run_id}")
    return review
