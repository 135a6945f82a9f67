"""Where each alert stands, what has happened to it, and who was told: states, events, messages.

A message goes the way of a step: planned ─▶ intended ─▶ done, or back to planned (the channel surely did not
take it: another try), uncertain (it may have arrived: not sent again), failed (no more tries), dropped (it was over).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from include.alerts.history import Sample
from include.alerts.pauses import Pause, PauseKind
from include.alerts.states import AlertEvent, AlertEventType, AlertState, Phase, RuleReading
from include.alerts.texts import AlertMessage
from include.store.metrics import WATCHERS
from include.store.sql import Table, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from include.store.steps import StepState


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A message to be sent; `is_begun`: a task that has ended since may have sent it."""

    id: int
    event_id: int
    rule: str
    channel: str
    target: str
    in_place_of: int | None
    note: str | None
    attempts: int
    is_begun: bool
    message: AlertMessage


class Alerts(Table, file="alerts"):
    """The tables `ops.alert_…`."""

    # --- evaluation ---

    def lock(self) -> datetime | None:
        """Keep every other evaluation out until the transaction ends; return when the last one was."""
        return self._sql.lock_evaluation()

    def evaluated_at(self) -> datetime | None:
        """Return when the rules were last evaluated, None: never."""
        return self._sql.read_evaluation()

    def note_evaluation(self, *, now: datetime) -> None:
        """Write down that the rules were evaluated."""
        self._sql.note_evaluation(now=now)

    def states(self) -> dict[str, AlertState]:
        """Return where each rule stands that was ever evaluated."""
        return {row["rule"]: _state_from(row) for row in self._sql.read_states()}

    def save(self, states: Iterable[AlertState], *, now: datetime) -> None:
        """Write down where rules stand."""
        rows = [
            values_of(state, **_reading(state.reading), state=state.phase, now=now)
            for state in states
        ]
        if rows:
            self._sql.write_state(rows)

    def pauses(self) -> dict[str, Pause]:
        """Return what people have said of alerts, by rule; what is over by itself too."""
        rows = self._sql.read_pauses()
        return {row["rule"]: record_from(Pause, row, kind=PauseKind) for row in rows}

    def pause(self, pause: Pause) -> None:
        """Write down what somebody says of an alert, in the place of what was said before."""
        self._sql.write_pause(**asdict(pause))

    def end_pause(self, rule: str) -> bool:
        """Take it back; tell whether there was something."""
        return bool(self._sql.end_pause(rule=rule))

    def add_event(self, change: AlertEvent, *, condition: str, message: AlertMessage | None) -> int:
        """Keep a change, and what is told of it; return its id."""
        return self._sql.add_event(
            **values_of(change, **_reading(change.reading)),
            condition=condition,
            message=Jsonb(message.document()) if message else None,
        )

    def events(self, since: datetime, until: datetime) -> list[AlertEvent]:
        """Return what happened in a time, oldest first."""
        return [_happening_from(row) for row in self._sql.read_events(since=since, until=until)]

    def fired_message(self, rule: str, fired_at: datetime) -> AlertMessage | None:
        """Return what was told when a rule began to fire."""
        found = self._sql.read_fired_message(rule=rule, fired_at=fired_at)
        return AlertMessage.from_document(found) if found else None

    # --- history ---

    def add_samples(self, samples: Iterable[Sample]) -> None:
        """Keep what the rules were told."""
        rows = [{**asdict(one), "job": one.job or ""} for one in samples]
        if rows:
            self._sql.add_sample(rows)

    def samples(self, since: datetime, until: datetime) -> list[Sample]:
        """Return what the rules were told in a time, oldest first."""
        rows = self._sql.read_samples(since=since, until=until)
        return [Sample(**{**row, "job": row["job"] or None}) for row in rows]

    # --- examples: (job, run) each, or a job alone ---

    def failed_runs(
        self, *, job: str | None, since: datetime, until: datetime, limit: int
    ) -> list[tuple[str, str | None]]:
        """Return the newest failed runs of a job, or of any, in a time."""
        rows = self._sql.read_failed_runs(
            job=job, since=since, until=until, watchers=list(WATCHERS), row_limit=limit
        )
        return [(row["job"], row["dag_run_id"]) for row in rows]

    def dead_runs(self, *, job: str | None, limit: int) -> list[tuple[str, str | None]]:
        """Return the newest runs that ended in open dead letters."""
        rows = self._sql.read_dead_runs(job=job, row_limit=limit)
        return [(row["job"], row["dag_run_id"]) for row in rows]

    def waited_for(self, *, job: str | None, limit: int) -> list[tuple[str, str | None]]:
        """Return the jobs that most inbox rows wait for."""
        rows = self._sql.read_waited_for(job=job, row_limit=limit)
        return [(row["job"], row["dag_run_id"]) for row in rows]

    # --- messages ---

    def plan(  # noqa: PLR0913 - what a message is
        self,
        event_id: int,
        channel: str,
        target: str,
        *,
        now: datetime,
        in_place_of: int | None = None,
        note: str | None = None,
    ) -> bool:
        """Plan to tell somebody of an event; False where that was planned before."""
        planned: int = self._sql.plan_message(
            event_id=event_id,
            channel=channel,
            target=target,
            in_place_of=in_place_of,
            note=note,
            now=now,
        )
        return planned > 0

    def told(self, rule: str, fired_at: datetime) -> list[tuple[str, str]]:
        """Return the channels and targets that were told, or may have been, of this firing."""
        rows = self._sql.read_told(rule=rule, fired_at=fired_at)
        return [(row["channel"], row["target"]) for row in rows]

    def drop(self, rule: str, fired_at: datetime, *, now: datetime) -> None:
        """Send nothing more of a firing that is over."""
        self._sql.drop_messages(rule=rule, fired_at=fired_at, now=now)

    def due(self, *, now: datetime, stale_since: datetime) -> list[Due]:
        """Return the messages to be sent, oldest first."""
        return [_due_from(row) for row in self._sql.read_due(now=now, stale_since=stale_since)]

    def intend(self, message_id: int, *, now: datetime, stale_since: datetime) -> bool:
        """Write down that a message is about to be sent; False where another task has taken it."""
        taken = self._sql.intend_message(id=message_id, now=now, stale_since=stale_since)
        return taken is not None

    def end(  # noqa: PLR0913 - what comes of a message
        self,
        message_id: int,
        state: StepState | str,
        *,
        now: datetime,
        reason: str | None = None,
        receipt: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Write down what came of a message; `due_at` is when it is tried again."""
        self._sql.end_message(
            id=message_id, state=str(state), reason=reason, receipt=receipt, due_at=due_at, now=now
        )

    def has_reached_somebody(self, event_id: int) -> bool:
        """Tell whether anybody was told of an event."""
        return self._sql.has_reached_somebody(event_id=event_id)


def _reading(reading: RuleReading) -> dict[str, object]:
    return {"job": reading.job, "numbers": Jsonb(dict(reading.numbers))}


def _state_from(row: Mapping[str, Any]) -> AlertState:
    phase = Phase(row["state"])
    reading = _reading_from(row, holds=phase in (Phase.PENDING, Phase.FIRING))
    return record_from(AlertState, {**row, "phase": phase, "reading": reading})


def _happening_from(row: Mapping[str, Any]) -> AlertEvent:
    what = AlertEventType(row["what"])
    is_over = what in (AlertEventType.LAPSED, AlertEventType.RESOLVED)
    reading = _reading_from(row, holds=not is_over)
    return record_from(AlertEvent, {**row, "what": what, "reading": reading})


def _reading_from(row: Mapping[str, Any], *, holds: bool) -> RuleReading:
    return RuleReading(holds=holds, job=row["job"], numbers=row["numbers"])


def _due_from(row: Mapping[str, Any]) -> Due:
    return record_from(
        Due, {**row, "is_begun": row["state"] == "intended"}, message=AlertMessage.from_document
    )
