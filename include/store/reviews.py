"""What people were asked about dead letters, and what they answered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from include.store.sql import Table, record_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class ReviewState(StrEnum):
    """Where a review stands."""

    ASKED = "asked"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"  # nobody did in time: the dead letters stay open
    REFUSED = "refused"  # the answer could not be taken as it was: the question is put again
    LEFT = "left"  # another run asks
    DONE = "done"  # what was decided is carried out


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedGroup:
    """A group of alike dead letters as people were shown it; `name` is its field in the form."""

    name: str
    job: str
    error_class: str
    fingerprint: str
    count: int
    reason: str
    ids: Sequence[int] = ()

    @property
    def example(self) -> int:
        """Return the oldest dead letter."""
        return min(self.ids, default=0)

    @property
    def kind(self) -> tuple[str, str, str]:
        """Return what tells groups apart."""
        return self.job, self.error_class, self.fingerprint


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """One question, and its answer as far as there is one."""

    dag_run_id: str
    state: ReviewState
    groups: list[AskedGroup]
    asked_at: datetime
    answered_at: datetime | None
    actor: str | None
    why: str | None
    decisions: dict[str, str]
    results: dict[str, Any]
    finished_at: datetime | None
    refusal: str | None  # why the answer could not be taken

    @property
    def chosen(self) -> dict[tuple[str, str, str], str]:
        """Return what was chosen, by kind of failure."""
        return {
            group.kind: self.decisions[group.name]
            for group in self.groups
            if group.name in self.decisions
        }


class Reviews(Table, file="reviews"):
    """The table `ops.reviews`."""

    def ask(self, dag_run_id: str, groups: Sequence[AskedGroup], *, now: datetime) -> None:
        """Write down what people are asked."""
        document = Jsonb([asdict(group) for group in groups])
        self._sql.ask_review(dag_run_id=dag_run_id, groups=document, now=now)

    def answer(
        self,
        dag_run_id: str,
        decisions: Mapping[str, str],
        *,
        actor: str,
        why: str,
        now: datetime,
    ) -> None:
        """Write down what was decided."""
        self._sql.answer_review(
            dag_run_id=dag_run_id,
            state=ReviewState.ANSWERED,
            actor=actor,
            why=why,
            decisions=Jsonb(dict(decisions)),
            now=now,
        )

    def refuse(
        self,
        dag_run_id: str,
        decisions: Mapping[str, str],
        *,
        refusal: str,
        actor: str,
        now: datetime,
    ) -> None:
        """Write down why an answer cannot be taken, and what was chosen."""
        self._sql.refuse_review(
            dag_run_id=dag_run_id,
            decisions=Jsonb(dict(decisions)),
            refusal=refusal,
            actor=actor,
            now=now,
        )

    def newest_refused(self) -> Review | None:
        """Return the newest question, if its answer could not be taken."""
        row = self._sql.read_newest()
        review = _review(row) if row else None
        return review if review and review.state is ReviewState.REFUSED else None

    def leave(self, dag_run_id: str, *, now: datetime) -> None:
        """Write down that another run asks, unless what became of the question is known."""
        self._sql.leave_review(dag_run_id=dag_run_id, now=now)

    def leave_unanswered(self, dag_run_id: str, *, now: datetime) -> None:
        """Write down that nobody has answered in time."""
        self._sql.answer_review(
            dag_run_id=dag_run_id,
            state=ReviewState.UNANSWERED,
            actor=None,
            why=None,
            decisions=Jsonb({}),
            now=now,
        )

    def save_result(self, dag_run_id: str, group: str, result: Mapping[str, object]) -> None:
        """Write down what came of one group."""
        self._sql.save_result(dag_run_id=dag_run_id, result=Jsonb({group: result}))

    def finish(self, dag_run_id: str, *, now: datetime) -> None:
        """Close a review whose decisions are carried out."""
        self._sql.finish_review(dag_run_id=dag_run_id, now=now)

    def get(self, dag_run_id: str) -> Review | None:
        """Return one review."""
        row = self._sql.read_review(dag_run_id=dag_run_id)
        return _review(row) if row else None

    def answered(self, *, since: datetime) -> list[Review]:
        """Return the reviews that were answered since then."""
        return [_review(row) for row in self._sql.read_answered(answered_since=since)]


def _review(row: Mapping[str, Any]) -> Review:
    groups = [AskedGroup(**group) for group in row["groups"]]
    return record_from(Review, {**row, "groups": groups}, state=ReviewState)
