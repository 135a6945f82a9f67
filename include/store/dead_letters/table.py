"""The tables of dead letters: what fails is written down, looked up, and brought from state to state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.errors import ErrorClass
from include.store.audit import AuditEntry, AuditLog
from include.store.dead_letters import (
    SEVERITIES,
    Attempt,
    DeadLetter,
    DeadLetterAction,
    DeadLetterDecision,
    DeadLetterGroup,
    DeadLetterState,
    Failure,
    Filter,
    Moved,
    NewDeadLetter,
    Severity,
)
from include.store.sql import MemberTable, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from include.store.inbox import InboxState


class DeadLetters(MemberTable, file="dead_letters"):
    """The tables `ops.dead_letters`, `ops.dead_letter_rows`, `…_attempts`, `…_acts`."""

    # --- what fails ---

    def note(self, failure: Failure, *, state: DeadLetterState, now: datetime) -> DeadLetter:
        """Write down a try that failed, and open its case or bring it back. Needs a transaction.

        While it is retried, a case that waits for a person, or about which one has decided, stays so.
        """
        severity = failure.severity or SEVERITIES[failure.error_class]
        values = values_of(failure, fingerprint=failure.fingerprint, severity=severity, now=now)
        by, before = failure.tried_by or failure.job, self.find(failure.job, failure.subject)
        letter_id = self._sql.note_letter(**values, state=state)["id"]
        self._sql.add_rows(id=letter_id, inbox_ids=list(failure.inbox_ids))
        attempt = {"id": letter_id, "job": by, "dag_run_id": failure.dag_run_id or ""}
        self._sql.add_attempt(**values | attempt)
        noted = _letter(self._sql.read_letter(id=letter_id))
        self._audit_opening(before, noted, by=by, now=now)
        return noted

    def open_case(self, failure: Failure, *, now: datetime) -> DeadLetter:
        """Let a failure wait for a person: a new dead letter, or one more attempt of the one there is.

        With a `try_number` the same try is written down once, whoever reports it.
        """
        with self._connection.transaction():
            return self.note(failure, state=DeadLetterState.OPEN, now=now)

    def _audit_opening(
        self, before: DeadLetter | None, after: DeadLetter, *, by: str, now: datetime
    ) -> None:
        """Write down that a case waits for a person, if it did not before."""
        was = before.state if before else None
        if after.state is not DeadLetterState.OPEN or was is DeadLetterState.OPEN:
            return
        change = AuditEntry(
            target=f"dead_letter:{after.id}",
            actor=f"system:{by}",
            action=f"dead_letter:{after.state}",
            dag_run_id=after.dag_run_id,
            before={"state": str(was)} if was else None,
            after={"state": str(after.state)},
            metadata={"job": after.job, "subject": after.subject, "why": after.reason},
        )
        AuditLog(self._connection).add([change], now=now)

    def resolve(self, inbox_ids: Collection[int], *, now: datetime) -> list[Moved]:
        """Close the dead letters of these events of which all has gone well by now."""
        return [_moved(row) for row in self._sql.settle_letters(inbox_ids=list(inbox_ids), now=now)]

    # --- what there is ---

    def get(self, letter_id: int) -> DeadLetter | None:
        """Return one dead letter."""
        row = self._sql.read_letter(id=letter_id)
        return _letter(row) if row else None

    def find(self, job: str, subject: str) -> DeadLetter | None:
        """Return the dead letter of a case, if it ever failed."""
        row = self._sql.read_subject(job=job, subject=subject)
        return _letter(row) if row else None

    def select(self, wanted: Filter, *, limit: int | None = None) -> list[DeadLetter]:
        """Return the dead letters that fit, oldest first."""
        rows = self._sql.select_letters(row_limit=limit, **_values(wanted))
        return [_letter(row) for row in rows]

    def groups(self, wanted: Filter) -> list[DeadLetterGroup]:
        """Return the dead letters that fit as groups of alike ones, the largest first."""
        rows = self._sql.group_letters(**_values(wanted))
        return [
            record_from(DeadLetterGroup, row, error_class=ErrorClass, severity=Severity)
            for row in rows
        ]

    def take_unannounced(self, *, now: datetime) -> list[NewDeadLetter]:
        """Take what has begun to wait for a person and nobody was told of, oldest first. Needs a transaction."""
        rows = self._sql.take_unannounced(now=now)
        letters = [record_from(NewDeadLetter, row, error_class=ErrorClass) for row in rows]
        return sorted(letters, key=lambda letter: letter.id)

    def counts(self) -> dict[DeadLetterState, int]:
        """Count the dead letters in each state that has any."""
        return {DeadLetterState(row["state"]): row["count"] for row in self._sql.count_states()}

    def attempts(self, letter_id: int) -> list[Attempt]:
        """Return the tries of a dead letter that failed, oldest first."""
        return [
            record_from(Attempt, row, error_class=ErrorClass)
            for row in self._sql.read_attempts(id=letter_id)
        ]

    def inbox_ids(self, letter_id: int) -> list[int]:
        """Return which events wait with a dead letter, or waited."""
        return [row["inbox_id"] for row in self._sql.read_inbox_ids(id=letter_id)]

    def last_events(self, ids: Collection[int], *, count: int) -> list[tuple[int, int]]:
        """Return the newest events of each of these dead letters, as pairs of dead letter and event."""
        rows = self._sql.read_last_rows(ids=list(ids), count=count)
        return [(row["dead_letter_id"], row["inbox_id"]) for row in rows]

    def slow_tries(self, letter_id: int, *, since: datetime) -> int:
        """Count how often a dead letter has failed since then on a limit that lasts for hours."""
        return self._sql.count_slow_tries(id=letter_id, since=since)

    def of_rows(self, inbox_ids: Collection[int]) -> list[DeadLetter]:
        """Return the dead letters of these events."""
        return [_letter(row) for row in self._sql.read_of_rows(inbox_ids=list(inbox_ids))]

    # --- what is done about it ---

    def change(  # noqa: PLR0913 - what is known of a decision, by name
        self,
        ids: Collection[int],
        *,
        before: Iterable[DeadLetterState],
        state: DeadLetterState,
        actor: str,
        why: str | None,
        now: datetime,
        act_id: int | None = None,
    ) -> list[Moved]:
        """Bring dead letters to a state; return those that were in one of the states `before`.

        One act changes a dead letter once, even if it has come back meanwhile.
        """
        rows = self._sql.change_letters(
            ids=list(ids),
            before=list(before),
            state=state,
            act_id=act_id,
            actor=actor,
            why=why,
            now=now,
        )
        return sorted((_moved({**row, "state": state}) for row in rows), key=lambda m: m.id)

    def wait_again(self, due: Mapping[int, datetime], *, also_done: bool = False) -> None:
        """Let the events of these dead letters wait for their job, each dead letter's from its time on.

        With `also_done` that is so for events that went well, too.
        """
        self._sql.wait_rows(
            [{"id": id_, "due_at": due_at, "also_done": also_done} for id_, due_at in due.items()]
        )

    def ask_for_run(self, due: Mapping[int, datetime]) -> None:
        """Have the dead events of these dead letters taken to a run of `webhook_retry`."""
        self._sql.ask_for_run([{"id": id_, "due_at": due_at} for id_, due_at in due.items()])

    def release(self, vendor: str, *, now: datetime) -> None:
        """Let what waits for a vendor be due now."""
        self._sql.hurry_rows(vendor=vendor, now=now)

    def kill_rows(self, ids: Collection[int], *, reason: str, now: datetime) -> None:
        """Let the events of these dead letters that wait for a run wait for a person."""
        self._sql.kill_rows(ids=list(ids), reason=reason, now=now)

    def end_rows(
        self, ids: Collection[int], *, state: InboxState, reason: str, now: datetime
    ) -> None:
        """End the dead events of these dead letters."""
        self._sql.end_rows(ids=list(ids), state=state, reason=reason, now=now)

    def with_rows(self, ids: Collection[int]) -> list[int]:
        """Return which of these dead letters have events: the others leave nothing to run again."""
        return [row["id"] for row in self._sql.read_with_rows(ids=list(ids))]

    def unstarted(self, ids: Collection[int]) -> list[int]:
        """Return which of these dead letters wait for their replay's run, with all of their events."""
        return [row["id"] for row in self._sql.read_unstarted(ids=list(ids))]

    # --- what people have decided ---

    def decide(  # noqa: PLR0913 - what a decision is, by name
        self,
        act: DeadLetterAction,
        ids: Sequence[int],
        *,
        actor: str,
        why: str,
        per_minute: int | None,
        now: datetime,
    ) -> DeadLetterDecision:
        """Write down a decision about these dead letters; nothing is done yet."""
        row = self._sql.begin_act(
            act=act, ids=list(ids), actor=actor, why=why, per_minute=per_minute, now=now
        )
        return _decision(row)

    def lock_decision(self, decision_id: int) -> DeadLetterDecision:
        """Return a decision as it stands, and let nobody else work on it until the transaction ends."""
        return _decision(self._sql.lock_act(id=decision_id))

    def decision(self, decision_id: int) -> DeadLetterDecision | None:
        """Return a decision; None where there is none of that number."""
        row = self._sql.read_act(id=decision_id)
        return _decision(row) if row else None

    def of_decision(self, decision_id: int) -> dict[DeadLetterState, list[int]]:
        """Return the dead letters that a decision was the last to change, by the state in which they are now."""
        rows = self._sql.read_act_letters(id=decision_id)
        return {DeadLetterState(row["state"]): row["ids"] for row in rows}

    def advance(self, decision_id: int, *, position: int, done: int, now: datetime) -> None:
        """Write down up to which dead letter it is done, and for how many more there was something to do."""
        self._sql.advance_act(id=decision_id, position=position, done=done, now=now)

    def unfinished(self) -> list[DeadLetterDecision]:
        """Return the decisions whose carrying out was interrupted."""
        return [_decision(row) for row in self._sql.read_unfinished()]


def _values(wanted: Filter) -> dict[str, Any]:
    ids = None if wanted.ids is None else list(wanted.ids)
    return values_of(wanted, ids=ids, states=list(wanted.states))


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    return record_from(
        DeadLetter, row, state=DeadLetterState, error_class=ErrorClass, severity=Severity
    )


def _moved(row: Mapping[str, Any]) -> Moved:
    return record_from(Moved, row, state_before=DeadLetterState, state=DeadLetterState)


def _decision(row: Mapping[str, Any]) -> DeadLetterDecision:
    return record_from(DeadLetterDecision, row, act=DeadLetterAction)
