"""One act about many dead letters: counted first, written down, done in portions, and taken back.

A decision is in the database before anything is done, with all dead letters that it is about. Each `take_step` does one
portion of it under its lock: whoever stops in the middle, or does a step twice, does nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import ActRefusedError, ErrorClass
from include.failures.dead_letters import PER_MINUTE, DeadLetterService, DecisionResult
from include.operate.commands.dead_letters import left_text, none_text
from include.operate.options import Option
from include.person import person_from
from include.store.dead_letters import DeadLetterAction, DeadLetterState, Filter

if TYPE_CHECKING:
    from datetime import datetime

    from include.clock import Clock
    from include.store import Store
    from include.store.dead_letters import DeadLetterDecision

LABELS: dict[str, tuple[str, str]] = {
    DeadLetterAction.REPLAY: (
        "Try again",
        "They are due one after the other; what was done is not repeated.",
    ),
    DeadLetterAction.CLOSE_FIXED: (
        "Close what came right",
        "Those that a later event has brought about.",
    ),
    DeadLetterAction.ABANDON: ("Let them be", "Nothing more is done; each can be taken up again."),
}
PACES = {"30": "30 a minute", str(PER_MINUTE): f"{PER_MINUTE} a minute", "1200": "1,200 a minute"}
UNDO = {
    DeadLetterAction.REPLAY: (
        DeadLetterAction.HOLD,
        DeadLetterState.REPLAYING,
        Option(
            act="undo",
            label="Stop the rest",
            effect="What no run has taken yet waits for a person again.",
        ),
    ),
    DeadLetterAction.ABANDON: (
        DeadLetterAction.UNDO_ABANDON,
        DeadLetterState.ABANDONED,
        Option(act="undo", label="Take it back", effect="They wait for a person again."),
    ),
}
CLASSES = tuple(ErrorClass)
TITLES = {act: label for act, (label, _) in LABELS.items()} | {
    DeadLetterAction.HOLD: "Stop the rest",
    DeadLetterAction.UNDO_ABANDON: "Take it back",
    DeadLetterAction.COMPENSATE: "Undo what is half done",
}
STATE_WORDS = {
    DeadLetterState.OPEN: "failed again",
    DeadLetterState.REPLAYING: "still to be tried, or under way",
    DeadLetterState.REPLAYED: "went well",
    DeadLetterState.RESOLVED: "came right otherwise",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionProgress:
    """A decision about many: how far it is, and what has come of it since."""

    number: int
    title: str
    actor: str
    why: str
    made_at: datetime
    per_minute: int | None
    position: int
    total: int
    done: int
    is_finished: bool
    is_moving: bool  # what was decided is done, and its runs are not
    outcomes: tuple[str, ...]
    left: str | None
    undo: Option | None


def filter_of(
    *,
    job: str | None = None,
    error_class: str | None = None,
    fingerprint: str | None = None,
    ids: int | None = None,
) -> Filter:
    """Return which dead letters are meant: all that wait, or those that fit everything that is said."""
    if error_class and error_class not in list(ErrorClass):
        raise ActRefusedError("there is no such class of failure")
    return Filter(
        ids=(ids,) if ids is not None else None,
        job=job or None,
        error_class=ErrorClass(error_class) if error_class else None,
        fingerprint=fingerprint or None,
    )


def waiting_jobs(store: Store) -> list[str]:
    """Return the jobs of which a dead letter waits for a person."""
    return sorted({one.job for one in store.dead_letters.groups(Filter())})


def count_letters(act: str, wanted: Filter, *, store: Store, clock: Clock) -> int:
    """Return how many dead letters an act would be about; nothing is changed. Raises ActRefusedError for none."""
    preview = DeadLetterService(store, clock=clock).preview(_act_from(act), wanted)
    count = preview.count - (preview.fixed if act == DeadLetterAction.REPLAY else 0)
    if not count and act == DeadLetterAction.REPLAY and preview.fixed:
        raise ActRefusedError("a later event has brought all of them about: close those")
    if not count:
        raise ActRefusedError(none_text(DeadLetterAction(act), preview, {}))
    return count


def begin(  # noqa: PLR0913 - who does what to which, by name
    act: str, wanted: Filter, *, pace: str, who: str, why: str, store: Store, clock: Clock
) -> int:
    """Write down what somebody has decided about many, and return its number; nothing is done yet."""
    if pace not in PACES:
        raise ActRefusedError("there is no such pace")
    return _begin(_act_from(act), wanted, int(pace), who=who, why=why, store=store, clock=clock)


def take_step(number: int, *, store: Store, clock: Clock) -> None:
    """Do one portion of a decision; raise ActRefusedError where there is none of that number."""
    if store.dead_letters.decision(number) is None:
        raise ActRefusedError("there is no such decision")
    DeadLetterService(store, clock=clock).step(number)


def undo(number: int, *, who: str, why: str, store: Store, clock: Clock) -> int:
    """Write down that a decision is to be taken back, as far as it can be; return the new one's number."""
    decision = store.dead_letters.decision(number)
    if decision is None or decision.act not in UNDO:
        raise ActRefusedError("there is nothing that takes this back")
    if decision.finished_at is None:
        raise ActRefusedError("it is not done yet: take it back then")
    act, state, _ = UNDO[decision.act]
    ids = tuple(store.dead_letters.of_decision(number).get(state, ()))
    if not ids:
        raise ActRefusedError("nothing is left of it that could be taken back")
    return _begin(act, Filter(ids=ids), PER_MINUTE, who=who, why=why, store=store, clock=clock)


def read_progress(number: int, store: Store) -> DecisionProgress | None:
    """Return how far a decision is; None where there is none of that number."""
    decision = store.dead_letters.decision(number)
    return _progress(decision, store) if decision else None


def read_unfinished(store: Store) -> list[DecisionProgress]:
    """Return what was decided and is not done to the end, the oldest first."""
    return [_progress(one, store) for one in store.dead_letters.unfinished()]


def _progress(decision: DeadLetterDecision, store: Store) -> DecisionProgress:
    now = store.dead_letters.of_decision(decision.id)
    undo_state = UNDO[decision.act][1] if decision.act in UNDO else None
    is_finished = decision.finished_at is not None
    is_replay = decision.act is DeadLetterAction.REPLAY
    chosen = len(decision.dead_letter_ids)
    came = DecisionResult(decision_id=decision.id, chosen=chosen, done=decision.done)
    return DecisionProgress(
        number=decision.id,
        title=TITLES[decision.act],
        actor=decision.actor.removeprefix("user:"),
        why=decision.why,
        made_at=decision.made_at,
        per_minute=decision.per_minute,
        position=decision.position,
        total=chosen,
        done=decision.done,
        is_finished=is_finished,
        is_moving=is_replay and DeadLetterState.REPLAYING in now,
        outcomes=tuple(
            f"{len(now[state]):,} {words}" for state, words in STATE_WORDS.items() if state in now
        )
        if is_replay
        else (),
        left=left_text(decision.act, came) if is_finished else None,
        undo=UNDO[decision.act][2] if is_finished and undo_state in now else None,
    )


def _begin(  # noqa: PLR0913 - who does what to which, by name
    act: DeadLetterAction,
    wanted: Filter,
    per_minute: int,
    *,
    who: str,
    why: str,
    store: Store,
    clock: Clock,
) -> int:
    person = person_from(who, why)
    decision = DeadLetterService(store, clock=clock).begin(
        act, wanted, by=person, per_minute=per_minute
    )
    if decision is None:
        raise ActRefusedError("somebody has decided meanwhile: there is nothing left to do")
    return decision.id


def _act_from(act: str) -> DeadLetterAction:
    if act not in list(LABELS):
        raise ActRefusedError("there is no such act for many at once")
    return DeadLetterAction(act)
