"""What happened when, from everybody's own records: sandbox, inbox, Airflow, Mailchimp, audit log."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from include.lab.demo.airflow import TaskTry
    from include.lab.demo.outcomes import AuditLine, EventProgress, JobEntry
    from include.lab.demo.sandbox import VendorCall, VendorEvent

MEANINGS = {
    "mailchimp": (
        ("PUT", "/lists/*/members/*", "contact written"),
        ("PATCH", "/lists/*/members/*", "contact changed"),
        ("POST", "/lists/*/members/*/tags", "tags set"),
        ("POST", "/lists/*/segments/*", "tags set for many"),
        ("POST", "/lists/*/segments", "tag made"),
        ("GET", "/lists/*/segments", "tags looked up"),
        ("POST", "/lists/*", "contacts written in bulk"),
        ("POST", "/customer-journeys/*/trigger", "welcome journey started"),
        ("POST", "/automations/*/queue", "welcome mail queued"),
    ),
    "dead-man": (("POST", "/ping/*", "signal taken: the rules are watched"),),
    "luma": (
        ("GET", "*/events/list", "page of events read"),
        ("GET", "*/guests/list", "page of guests read"),
        ("GET", "*/guests/get", "guest read"),
        ("POST", "*/update-status", "guest decided about"),
    ),
    "slack": (
        ("POST", "/users.list", "page of people read"),
        ("POST", "/users.info", "person read"),
        ("POST", "/users.lookupByEmail", "person looked up"),
        ("POST", "/usergroups.list", "groups read"),
        ("POST", "/usergroups.users.list", "group read back"),
        ("POST", "/usergroups.users.update", "group set"),
        ("POST", "/conversations.info", "channel read"),
        ("POST", "/conversations.members", "page of a channel's people read"),
        ("POST", "/conversations.invite", "invited into the channel"),
        ("POST", "/conversations.kick", "taken out of the channel"),
        ("POST", "/chat.postMessage", "message posted"),
    ),
}
"""By vendor: method, path, what it means; the first that fits is taken."""


@dataclass(frozen=True, kw_only=True)
class TimelineMoment:
    """Something that happened; `at` in seconds since the epoch."""

    at: float
    what: str


def sending(events: Sequence[VendorEvent], copies: int, at: float) -> TimelineMoment:
    """Return the start: which vendors send what."""
    vendors = [
        f"{vendor.capitalize()} sends {_kinds(sent)}"
        for vendor, sent in groupby(events, lambda event: event.vendor)
    ]
    return TimelineMoment(
        at=at, what="; ".join(vendors) + (f", {copies} copies" if copies > 1 else "")
    )


def _kinds(events: Iterable[VendorEvent]) -> str:
    kinds = Counter(event.type for event in events)
    return ", ".join(f"{n} x {kind}" if n > 1 else kind for kind, n in kinds.items())


def answering(answers: Mapping[str, int], at: float) -> TimelineMoment:
    """Return what the relay answered, counted by status."""
    counts = ", ".join(f"{status} ({count(n, 'time')})" for status, n in answers.items())
    return TimelineMoment(at=at, what=f"relay answers {counts}")


def of_rows(rows: Sequence[EventProgress], names: Mapping[str, str]) -> list[TimelineMoment]:
    """Return when the events were stored, given to runs, and done with; `names` is what runs are called."""
    stored = TimelineMoment(
        at=max(row.received_at.timestamp() for row in rows),
        what=f"inbox: {count(len(rows), 'event')} stored",
    )
    return [stored, *_dispatches(rows, names), *_ends(rows, names)]


def _dispatches(rows: Iterable[EventProgress], names: Mapping[str, str]) -> list[TimelineMoment]:
    runs: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.dag_run_id and row.dispatched_at:
            runs[row.dag_run_id].append(row.dispatched_at.timestamp())
    return [
        TimelineMoment(
            at=max(times), what=f"{names[run]}: asked for, takes {count(len(times), 'event')}"
        )
        for run, times in runs.items()
    ]


def _ends(rows: Iterable[EventProgress], names: Mapping[str, str]) -> list[TimelineMoment]:
    """Return how rows ended: as one where they ended alike in the same run, or without any."""
    ends: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        if not row.is_open:
            where = names[row.dag_run_id] if row.dag_run_id else "inbox"
            why = f" ({row.reason})" if row.reason else ""
            ended_at = row.finished_at or row.received_at  # what starts no job ends as it comes
            ends[where, f"{row.state}{why}"].append(ended_at.timestamp())
    return [
        TimelineMoment(at=max(times), what=f"{where}: {count(len(times), 'event')} {how}")
        for (where, how), times in ends.items()
    ]


def of_tasks(tasks: Iterable[TaskTry], name: str) -> list[TimelineMoment]:
    """Return when each task of the run called `name` ended and how long it worked."""
    return [
        TimelineMoment(
            at=task.ended_at.timestamp(), what=f"{name}: {task.task} {task.state}{_worked(task)}"
        )
        for task in tasks
        if task.ended_at
    ]


def _worked(task: TaskTry) -> str:
    if task.state == "skipped" or task.started_at is None or task.ended_at is None:
        return ""
    return f", {(task.ended_at - task.started_at).total_seconds():.2f} s"


def of_calls(calls: Iterable[VendorCall]) -> list[TimelineMoment]:
    """Return what vendors were asked; calls of one kind are counted together, at the last of them."""
    kinds: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        answer = call.status or "no answer"
        kinds[f"{call.vendor.capitalize()}: {meaning_of(call)} ({answer})"].append(call.at)
    return [
        TimelineMoment(at=max(times), what=f"{kind}{_times(times)}")
        for kind, times in kinds.items()
    ]


def meaning_of(call: VendorCall) -> str:
    """Return what a call means, or the call itself where the table does not say."""
    for method, path, meaning in MEANINGS.get(call.vendor, ()):
        if call.method == method and fnmatchcase(call.path, path):
            return meaning
    return f"{call.method} {call.path}"


def of_audit(entries: Iterable[AuditLine], *, since: float) -> list[TimelineMoment]:
    """Return what was written down since then; lines of one action are counted together, at the last."""
    actions: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for entry in entries:
        if entry.at.timestamp() < since:
            continue
        actions[entry.action, entry.actor].append(entry.at.timestamp())
    return [
        TimelineMoment(at=max(times), what=f"audit log: {action} by {actor}{_times(times)}")
        for (action, actor), times in actions.items()
    ]


def of_job(entries: Iterable[JobEntry]) -> list[TimelineMoment]:
    """Return what a job wrote down about its run as a whole, with its counts."""
    return [
        TimelineMoment(
            at=entry.at.timestamp(),
            what=f"audit log: {entry.action} by {entry.actor}: {counts_of(entry.metadata)}",
        )
        for entry in entries
    ]


def counts_of(metadata: Mapping[str, object]) -> str:
    """Return counts in one line; what is none is left out, and alike reasons are counted together."""
    return ", ".join(f"{name} {_count_of(value)}" for name, value in metadata.items() if value)


def _count_of(value: object) -> str:
    if isinstance(value, list):
        whys = [one.get("why", "?") if isinstance(one, dict) else str(one) for one in value]
        value = Counter(whys)
    if isinstance(value, dict):
        return "(" + "; ".join(f"{why}: {_count_of(one)}" for why, one in value.items()) + ")"
    return str(value)


def _times(happened: Sequence[float]) -> str:
    return f", {len(happened)} times" if len(happened) > 1 else ""


def count(number: int, thing: str) -> str:
    """Return "1 event", "2 events"."""
    return f"{number} {thing}{'s' * (number != 1)}"
