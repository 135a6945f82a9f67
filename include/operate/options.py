"""A dead letter and a planned end in words, what a person can do about each, and what that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.failures.dead_letters import STEP
from include.jobs.mailchimp_sync.names import WELCOME
from include.membership.ends import EndState
from include.store.dead_letters import DeadLetterState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from include.membership.ends import Deactivation
    from include.store.dead_letters import DeadLetter
    from include.store.findings import KeptFinding

RUN = "run:"  # how the subject of a dead letter begins that is about a run without events


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """Something a person can do, and what it does; `is_final`: nothing takes it back, so she is asked twice."""

    act: str  # what:number
    label: str
    effect: str
    is_final: bool = False
    takes_date: bool = False


def letter_words(letter: DeadLetter) -> str:
    """Say in one sentence what a dead letter is about."""
    if is_welcome(letter):
        return "Her welcome may not have arrived: the answer to the call was lost."
    fixed = " A later event has brought it about since." if letter.is_fixed else ""
    return f"{letter.job.replace('_', ' ')} failed for her: {letter.reason}.{fixed}"


def is_welcome(letter: DeadLetter) -> bool:
    """Tell whether it is about a welcome whose answer was lost."""
    return letter.subject.startswith(f"{STEP}{WELCOME}:")


def letter_options(letter: DeadLetter) -> Iterator[Option]:
    """Yield what can be done about a dead letter, the likeliest first."""
    number = letter.id
    if letter.state is DeadLetterState.ABANDONED:
        yield Option(
            act=f"undo_abandon:{number}",
            label=f"Take up dead letter {number} again",
            effect="It was let be; it waits for a person again.",
        )
    if letter.state is DeadLetterState.REPLAYING:
        yield Option(
            act=f"hold:{number}", label="Hold the repeat", effect="Unless a run has taken it."
        )
    if letter.state is not DeadLetterState.OPEN:
        return
    if is_welcome(letter):
        yield Option(
            act=f"replay:{number}",
            label="Send the welcome again",
            effect="She may get it twice.",
        )
        yield Option(
            act=f"compensate:{number}",
            label="She has it: close",
            effect="Nothing is sent, and nobody is asked again.",
        )
        return
    if letter.subject.startswith(RUN):
        yield Option(
            act=f"abandon:{number}",
            label="Close: it is known",
            effect="There is no event to try again: the job's next run does the work.",
        )
        return
    if letter.is_fixed:
        yield Option(
            act=f"close_fixed:{number}",
            label="Close: it came right",
            effect="A later event has brought about what failed here.",
        )
    yield Option(
        act=f"replay:{number}",
        label="Try again",
        effect=f"{letter.job.replace('_', ' ')} does it once more; what was done is not repeated.",
    )
    yield Option(
        act=f"abandon:{number}", label="Let it be", effect="Nothing more is done; you can undo it."
    )


def finding_option(finding: KeptFinding) -> Option:
    """Return what can be done about a finding."""
    return Option(
        act=f"close_finding:{finding.id}",
        label="Seen: it may stay so",
        effect=f"Closes: {finding.words}. It is not told again unless something new brings it up.",
    )


def end_options(end: Deactivation) -> Iterator[Option]:
    """Yield what can be done about a planned end."""
    number = end.id
    if end.is_open and end.applied_at is None and end.state is not EndState.RUNNING:
        at = f" on {day(end.vendor_at)}" if end.vendor_at else ""
        yield Option(
            act=f"revoke:{number}",
            label="Keep her",
            effect=f"Here the membership goes on. Stripe still ends it{at}: resume it there. You can undo this.",
        )
        yield Option(
            act=f"move:{number}",
            label="Let it end at another time",
            effect="Here alone: what Stripe does stays as it is.",
            takes_date=True,
        )
    if end.is_open and end.state is not EndState.RUNNING:
        yield Option(
            act=f"run_now:{number}",
            label="End now",
            effect="Her access ends within a minute, and this cannot be undone.",
            is_final=True,
        )
    if end.state is EndState.REVOKED and end.actor is not None:
        yield Option(
            act=f"undo:{number}",
            label="Let it end after all",
            effect=f"The end of {day(end.deactivate_at)} is planned again.",
        )


def end_words(end: Deactivation) -> str:
    """Say when and why a membership ends, and who decided it."""
    by = f", decided by {end.actor.removeprefix('user:')}: {end.why}" if end.actor else ""
    reason = end.reason.replace("_", " ")
    when = f"{moment(end.deactivate_at)}, " if end.deactivate_at else ""
    what = {EndState.REVOKED: "not to be any more", EndState.DONE: "carried out"}.get(
        end.state, end.state.replace("_", " ")
    )
    problem = f"; {end.problem}" if end.problem and end.is_open else ""
    return f"{when}{reason}: {what}{by}{problem}"


def moment(at: datetime | None) -> str:
    """Return a moment as people read it."""
    return f"{at:%-d %b %Y %H:%M} UTC" if at else "an unknown time"


def day(at: datetime | None) -> str:
    """Return a day as people read it."""
    return f"{at:%-d %b %Y}" if at else "an unknown day"
