"""What a person may do about dead letters: one or a thousand, once, and to the end.

A decision is written down with all dead letters that it is about before anything is done. It is carried out in
portions, each a transaction: whoever dies in between, `resume` goes on where it stopped. A dead letter is only
changed in the state that the act is for, under its row's lock. So a second click, or a second person, finds
nothing to do, and a dead letter that has come back meanwhile is not taken twice by the same decision.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from include.errors import OpsError
from include.store.audit import AuditEntry
from include.store.dead_letters import DeadLetterAction, DeadLetterState
from include.store.inbox import InboxState
from include.store.steps import StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from include.clock import Clock
    from include.person import Person
    from include.store import Store
    from include.store.dead_letters import DeadLetterDecision, DeadLetterGroup, Filter, Moved

PORTION = 100
STEP = "step:"  # how the subject of a dead letter begins that is about an effect
PACED = (DeadLetterAction.REPLAY, DeadLetterAction.COMPENSATE)  # what starts runs
PER_MINUTE = 300  # replays: a thousand take three minutes, and leave room for what comes in
FIXED = "a later event has brought this about"
HELD = "its replay was held before it began"
TAKEN_AS_DONE = "taken as done by a person"
STATES_FOR = {
    DeadLetterAction.REPLAY: DeadLetterState.OPEN,
    DeadLetterAction.COMPENSATE: DeadLetterState.OPEN,
    DeadLetterAction.ABANDON: DeadLetterState.OPEN,
    DeadLetterAction.UNDO_ABANDON: DeadLetterState.ABANDONED,
    DeadLetterAction.CLOSE_FIXED: DeadLetterState.OPEN,
    DeadLetterAction.HOLD: DeadLetterState.REPLAYING,
}
STATES_AFTER = {
    DeadLetterAction.REPLAY: DeadLetterState.REPLAYING,
    DeadLetterAction.COMPENSATE: DeadLetterState.COMPENSATING,
    DeadLetterAction.ABANDON: DeadLetterState.ABANDONED,
    DeadLetterAction.UNDO_ABANDON: DeadLetterState.OPEN,
    DeadLetterAction.CLOSE_FIXED: DeadLetterState.RESOLVED,
    DeadLetterAction.HOLD: DeadLetterState.OPEN,
}


LEFT = {
    DeadLetterAction.REPLAY: "has no events, and its next run does the work: `abandon` closes it",
    DeadLetterAction.COMPENSATE: "has no events, so nothing is half done: `abandon` closes it",
    DeadLetterAction.HOLD: "is in the hands of a run: wait for what comes of it",
}
"""Why an act leaves a dead letter as it was, where it is not that somebody else has decided meanwhile."""


class NoReasonError(OpsError):
    """Say why: every act on dead letters needs a reason."""


# Whether an act is about what a later event has fixed, or about all else; the other acts are about both.
WANTS_FIXED = {DeadLetterAction.REPLAY: False, DeadLetterAction.CLOSE_FIXED: True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What an act would be about: how many dead letters, and how many of them a later event has fixed."""

    count: int
    fixed: int
    groups: tuple[DeadLetterGroup, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionResult:
    """What came of an act: dead letters that were chosen, those of them it changed, those left out as fixed."""

    decision_id: int | None
    chosen: int
    done: int
    fixed: int = 0


class DeadLetterService:
    """Where a person decides about dead letters."""

    def __init__(
        self, store: Store, *, clock: Clock, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Work over `store`; `progress` is told (dead letters that had their turn, all of them)."""
        self._store = store
        self._dead_letters = store.dead_letters
        self._clock = clock
        self._progress = progress

    def preview(self, act: DeadLetterAction, wanted: Filter) -> Preview:
        """Tell what an act on these dead letters would be about; nothing is changed."""
        groups = tuple(self._dead_letters.groups(_meant(act, wanted)))
        fixed = sum(group.fixed for group in groups)
        return Preview(
            count=fixed
            if act is DeadLetterAction.CLOSE_FIXED
            else sum(group.count for group in groups),
            fixed=fixed,
            groups=groups,
        )

    def elsewhere(self, act: DeadLetterAction, wanted: Filter) -> dict[DeadLetterState, int]:
        """Count by state what is wanted and not in the state that the act is for."""
        others = tuple(state for state in DeadLetterState if state is not STATES_FOR[act])
        return Counter(
            dead_letter.state
            for dead_letter in self._dead_letters.select(replace(wanted, states=others))
        )

    def decide(
        self,
        act: DeadLetterAction,
        wanted: Filter,
        *,
        by: Person,
        per_minute: int = PER_MINUTE,
        with_fixed: bool = False,
    ) -> DecisionResult:
        """Do this about these dead letters, replays and compensations so many a minute; docs/failures.md has the acts.

        Of those that a later event has fixed a replay is about none, unless `with_fixed`: `close_fixed` is for them.
        """
        chosen, left_out = self._choose(act, wanted, with_fixed=with_fixed)
        decision = self._write_down(act, chosen, by=by, per_minute=per_minute)
        done = (
            self._carry_out(decision)
            if decision
            else DecisionResult(decision_id=None, chosen=0, done=0)
        )
        return replace(done, fixed=left_out) if act is DeadLetterAction.REPLAY else done

    def begin(
        self, act: DeadLetterAction, wanted: Filter, *, by: Person, per_minute: int = PER_MINUTE
    ) -> DeadLetterDecision | None:
        """Write down that this is to be done about these dead letters; `step` does it. None where there are none."""
        chosen, _ = self._choose(act, wanted)
        return self._write_down(act, chosen, by=by, per_minute=per_minute)

    def step(self, decision_id: int) -> DeadLetterDecision:
        """Do one portion of what was decided, and return how far it is; what is finished stays so."""
        with self._store.transaction():
            decision = self._dead_letters.lock_decision(decision_id)
            if decision.finished_at is None:  # else somebody else has just done the rest
                self._do_portion(decision)
            return self._dead_letters.lock_decision(decision_id)

    def resume(self) -> list[DecisionResult]:
        """Carry out to the end what was decided and interrupted."""
        return [self._carry_out(decision) for decision in self._dead_letters.unfinished()]

    def _choose(
        self, act: DeadLetterAction, wanted: Filter, *, with_fixed: bool = False
    ) -> tuple[list[int], int]:
        """Return the dead letters that an act is about, and how many of those that are meant it leaves out."""
        dead_letters = self._dead_letters.select(_meant(act, wanted))
        wants_fixed = None if with_fixed else WANTS_FIXED.get(act)
        chosen = [one.id for one in dead_letters if wants_fixed in (None, one.is_fixed)]
        return chosen, len(dead_letters) - len(chosen)

    def _write_down(
        self, act: DeadLetterAction, chosen: Sequence[int], *, by: Person, per_minute: int
    ) -> DeadLetterDecision | None:
        if not by.why.strip():
            raise NoReasonError
        if not chosen:
            return None
        pace = per_minute if act in PACED else None
        return self._dead_letters.decide(
            act, chosen, actor=by.actor, why=by.why, per_minute=pace, now=self._clock.now()
        )

    def _carry_out(self, decision: DeadLetterDecision) -> DecisionResult:
        total = len(decision.dead_letter_ids)
        while decision.finished_at is None:
            decision = self.step(decision.id)
            if self._progress:
                self._progress(decision.position, total)
        return DecisionResult(decision_id=decision.id, chosen=total, done=decision.done)

    def _do_portion(self, decision: DeadLetterDecision) -> None:
        start, now = decision.position, self._clock.now()
        portion = decision.dead_letter_ids[start : start + PORTION]
        moved = self._change(decision, portion, now=now)
        steps = [dead_letter for dead_letter in moved if dead_letter.subject.startswith(STEP)]
        others = [dead_letter for dead_letter in moved if not dead_letter.subject.startswith(STEP)]
        _carry_out_on_rows(decision, others, store=self._store, now=now)
        _carry_out_on_steps(decision, steps, store=self._store, now=now)
        audit_moves(
            moved,
            actor=decision.actor,
            act=decision.act,
            why=decision.why,
            store=self._store,
            now=now,
        )
        self._dead_letters.advance(
            decision.id, position=start + len(portion), done=len(moved), now=now
        )

    def _change(
        self, decision: DeadLetterDecision, portion: Sequence[int], *, now: datetime
    ) -> list[Moved]:
        """Bring the dead letters to their new state, but for those of which nothing can be replayed or held."""
        if decision.act in (DeadLetterAction.REPLAY, DeadLetterAction.COMPENSATE):
            portion = self._dead_letters.with_rows(portion)
        elif decision.act is DeadLetterAction.HOLD:
            portion = self._dead_letters.unstarted(portion)
        return self._dead_letters.change(
            portion,
            before=[STATES_FOR[decision.act]],
            state=STATES_AFTER[decision.act],
            actor=decision.actor,
            why=decision.why,
            act_id=decision.id,
            now=now,
        )


def resolve(
    inbox_ids: Collection[int], *, actor: str, dag_run_id: str, store: Store, now: datetime
) -> None:
    """Close the dead letters of events that a run has ended well. In the transaction that ends them."""
    moved = store.dead_letters.resolve(inbox_ids, now=now)
    audit_moves(moved, actor=actor, store=store, now=now, dag_run_id=dag_run_id)


def audit_moves(  # noqa: PLR0913 - what there is to say, by name
    moved: Iterable[Moved],
    *,
    actor: str,
    store: Store,
    now: datetime,
    act: str | None = None,
    why: str | None = None,
    dag_run_id: str | None = None,
) -> None:
    """Write down that dead letters have come to another state, by what act of whom and why."""
    reason = {"why": why} if why else {}
    changes = [
        AuditEntry(
            target=f"dead_letter:{dead_letter.id}",
            actor=actor,
            action=f"dead_letter:{act or dead_letter.state}",
            dag_run_id=dag_run_id,
            before={"state": str(dead_letter.state_before)},
            after={"state": str(dead_letter.state)},
            metadata={"job": dead_letter.job, "subject": dead_letter.subject, **reason},
        )
        for dead_letter in moved
    ]
    store.audit.add(changes, now=now)


def _meant(act: DeadLetterAction, wanted: Filter) -> Filter:
    """Return the filter for the state that the act is for: other dead letters are not its business."""
    return replace(wanted, states=(STATES_FOR[act],))


def _carry_out_on_rows(
    decision: DeadLetterDecision, dead_letters: Sequence[Moved], *, store: Store, now: datetime
) -> None:
    """Do to the events of dead letters what was decided about these."""
    ids = [dead_letter.id for dead_letter in dead_letters]
    match decision.act:
        case DeadLetterAction.REPLAY:
            store.dead_letters.wait_again(_due(decision, ids))
            store.inbox.wake_dispatchers()
        case DeadLetterAction.COMPENSATE:
            store.dead_letters.ask_for_run(_due(decision, ids))
            store.inbox.wake_dispatchers()
        case DeadLetterAction.CLOSE_FIXED:
            store.dead_letters.end_rows(ids, state=InboxState.SUPERSEDED, reason=FIXED, now=now)
        case DeadLetterAction.HOLD:
            store.dead_letters.kill_rows(ids, reason=HELD, now=now)


def _carry_out_on_steps(
    decision: DeadLetterDecision, dead_letters: Sequence[Moved], *, store: Store, now: datetime
) -> None:
    """Do to uncertain effects what was decided: again, with the events that had led to them; or never more."""
    ids = [dead_letter.id for dead_letter in dead_letters]
    keys = [dead_letter.subject.removeprefix(STEP) for dead_letter in dead_letters]
    match decision.act:
        case DeadLetterAction.REPLAY:
            store.steps.decide(keys, state=StepState.PLANNED, reason=decision.why, now=now)
            store.dead_letters.wait_again(_due(decision, ids), also_done=True)
            store.inbox.wake_dispatchers()
        case DeadLetterAction.COMPENSATE:
            store.steps.decide(keys, state=StepState.DONE, reason=TAKEN_AS_DONE, now=now)
            store.dead_letters.change(
                ids,
                before=[DeadLetterState.COMPENSATING],
                state=DeadLetterState.COMPENSATED,
                actor=decision.actor,
                why=decision.why,
                now=now,
            )


def _due(decision: DeadLetterDecision, ids: Sequence[int]) -> dict[int, datetime]:
    """Return when each dead letter's turn is: its place in the decision, at so many a minute."""
    pause = timedelta(minutes=1) / decision.per_minute if decision.per_minute else timedelta(0)
    places = {id_: place for place, id_ in enumerate(decision.dead_letter_ids)}
    return {id_: decision.made_at + places[id_] * pause for id_ in ids}
