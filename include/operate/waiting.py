"""What waits for a person: dead letters and findings by name, age and cause, each with what is likely right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.membership.ends import EndState
from include.operate.event_words import Told, now_words, told_of
from include.operate.options import Option, finding_option, letter_options, letter_words
from include.store.dead_letters import DeadLetterState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.store import Store
    from include.store.dead_letters import DeadLetter, DeadLetterGroup, Filter
    from include.store.lookup import MemberName

MAX_SHOWN = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingItem:
    """One thing that somebody has to decide; `path` is where she does."""

    number: int
    member_id: UUID | None
    name: str | None  # None: nobody's, or nobody may know here
    since: datetime
    words: str
    suggested: str
    path: str
    options: tuple[Option, ...] = ()
    run: tuple[str, str] | None = None
    told: tuple[Told, ...] = ()  # what the events said that it is about
    now: str | None = None  # how she is


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingWork:
    """What waits: groups of alike dead letters, these themselves, findings, ends that cannot go on."""

    letter_count: int
    groups: tuple[DeadLetterGroup, ...]
    letters: tuple[WaitingItem, ...]
    findings: tuple[WaitingItem, ...]
    finding_kinds: tuple[tuple[str, int], ...]
    ends: tuple[WaitingItem, ...]

    @property
    def count(self) -> int:
        """Return how many decisions there are."""
        return self.letter_count + len(self.findings) + len(self.ends)


def read_waiting(store: Store, wanted: Filter, *, sees_names: bool) -> WaitingWork:
    """Return what waits for a person: of dead letters those that are wanted."""
    letters = store.dead_letters.select(wanted, limit=MAX_SHOWN)
    groups = store.dead_letters.groups(wanted)
    findings = store.findings.read()
    stuck = [
        one
        for one in store.deactivations.read_open()
        if one.state in (EndState.FAILED, EndState.DATE_UNKNOWN) or one.problem
    ]
    whose = [one.member_id for one in letters]
    whose += [one.member_id for one in findings]
    whose += [one.member_id for one in stuck]
    names = store.lookup.names(set(filter(None, whose))) if sees_names else {}
    return WaitingWork(
        letter_count=sum(one.count for one in groups),
        groups=tuple(groups),
        letters=tuple(_letters(letters, names, store, sees_names=sees_names)),
        findings=tuple(
            WaitingItem(
                number=one.id,
                member_id=one.member_id,
                name=_name(one.member_id, names),
                since=one.opened_at,
                words=f"{one.kind.replace('_', ' ')}: {one.words}.",
                suggested="Look, and say why it may stay so",
                path=_path(one.member_id, f"waiting#findings{one.id}"),
                options=(finding_option(one),),
            )
            for one in findings
        ),
        finding_kinds=tuple(Counter(one.kind.value for one in findings).most_common()),
        ends=tuple(
            WaitingItem(
                number=one.id,
                member_id=one.member_id,
                name=_name(one.member_id, names),
                since=one.created_at,
                words=f"A planned end cannot go on: {one.why or one.problem or 'it has no date'}.",
                suggested="Give it a date, or keep her",
                path=f"members/{one.member_id}",
            )
            for one in stuck
        ),
    )


def count_waiting(store: Store) -> dict[str, int]:
    """Return how many of each kind wait for a person: for the card on the home page."""
    open_letters = store.dead_letters.counts().get(DeadLetterState.OPEN, 0)
    ends = store.deactivations.counts()
    return {
        "dead letters": open_letters,
        "findings": sum(store.findings.counts().values()),
        "planned ends": ends.get(EndState.FAILED, 0) + ends.get(EndState.DATE_UNKNOWN, 0),
    }


def _letters(
    letters: Sequence[DeadLetter], names: dict[UUID, MemberName], store: Store, *, sees_names: bool
) -> Iterator[WaitingItem]:
    told = told_of(store, letters, sees_names=sees_names)
    members = store.members.read({one.member_id for one in letters if one.member_id})
    for one in letters:
        options = tuple(letter_options(one))
        member = members.get(one.member_id) if one.member_id else None
        yield WaitingItem(
            number=one.id,
            member_id=one.member_id,
            name=_name(one.member_id, names),
            since=one.since,
            words=letter_words(one),
            suggested=options[0].label if options else "",
            path=_path(one.member_id, f"waiting?ids={one.id}"),
            options=options,
            run=(one.job, one.dag_run_id) if one.dag_run_id else None,
            told=tuple(told[one.id]),
            now=now_words(member, sees_names=sees_names) if member else None,
        )


def _name(member_id: UUID | None, names: dict[UUID, MemberName]) -> str | None:
    known = names.get(member_id) if member_id else None
    return (known.name or known.email) if known else None


def _path(member_id: UUID | None, otherwise: str) -> str:
    return f"members/{member_id}" if member_id else otherwise
