"""Dead letters, their groups and their tries: as JSON for programs, as tables for people."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from include.failures.dead_letters import Done
    from include.operate.deployment import Deployment
    from include.store.dead_letters import Attempt, DeadLetter, Group


def document(deployment: Deployment, letter: DeadLetter) -> dict[str, Any]:
    """Return a letter as JSON."""
    return {
        "id": letter.id,
        "job": letter.job,
        "subject": letter.subject,
        "state": letter.state,
        "error_class": letter.error_class,
        "fingerprint": letter.fingerprint,
        "reason": letter.reason,
        "severity": letter.severity,
        "vendor": letter.vendor,
        "member_id": None if letter.member_id is None else str(letter.member_id),
        "attempts": letter.attempts,
        "first_seen_at": _iso(letter.first_seen_at),
        "last_seen_at": _iso(letter.last_seen_at),
        "closed_at": _iso(letter.closed_at),
        "fixed_by_a_later_event": letter.is_fixed,
        "actor": letter.actor,
        "why": letter.why,
        "dag_run_id": letter.dag_run_id,
        "link": _link(deployment, letter),
    }


def group_document(group: Group) -> dict[str, Any]:
    """Return a group as JSON."""
    return {
        "job": group.job,
        "error_class": group.error_class,
        "fingerprint": group.fingerprint,
        "count": group.count,
        "fixed_by_a_later_event": group.fixed,
        "reason": group.reason,
        "severity": group.severity,
        "example_id": group.example_id,
        "first_seen_at": _iso(group.first_seen_at),
        "last_seen_at": _iso(group.last_seen_at),
    }


def attempt_document(deployment: Deployment, one: Attempt) -> dict[str, Any]:
    """Return a try as JSON."""
    return {
        "job": one.job,
        "dag_run_id": one.dag_run_id,
        "try_number": one.try_number,
        "due_at": _iso(one.due_at),
        "started_at": _iso(one.started_at),
        "ended_at": _iso(one.ended_at),
        "lag_seconds": one.lag_seconds,
        "error_class": one.error_class,
        "reason": one.reason,
        "link": deployment.run_url(one.job, one.dag_run_id) if one.dag_run_id else None,
    }


def done_document(done: Done) -> dict[str, Any]:
    """Return what came of an act as JSON."""
    return {
        "decision_id": done.decision_id,
        "chosen": done.chosen,
        "done": done.done,
        "left_out_as_fixed": done.fixed,
    }


def group_table(groups: Sequence[Group]) -> Table:
    """Return groups for people."""
    shown = _table("letters", "job", "class", "fingerprint", "fixed", "example", "reason")
    for group in groups:
        shown.add_row(
            f"{group.count:,}",
            group.job,
            group.error_class,
            group.fingerprint,
            str(group.fixed or ""),
            str(group.example_id),
            Text(group.reason),
        )
    return shown


def letter_table(deployment: Deployment, letters: Sequence[DeadLetter]) -> Table:
    """Return letters for people."""
    shown = _table("id", "state", "job", "what", "tries", "last, UTC", "class", "reason", "")
    for letter in letters:
        words = (letter.is_fixed and "fixed by a later event", letter.actor, letter.why)
        shown.add_row(
            str(letter.id),
            Text(letter.state, style=Style(link=_link(deployment, letter))),
            letter.job,
            Text(letter.subject),
            str(letter.attempts),
            f"{letter.last_seen_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            letter.error_class,
            Text(letter.reason),
            Text(": ".join(word for word in words if word)),
        )
    return shown


def attempt_table(deployment: Deployment, tries: Sequence[Attempt]) -> Table:
    """Return tries for people."""
    shown = _table("try", "by", "due, UTC", "began after", "ended, UTC", "class", "reason")
    for number, one in enumerate(tries, 1):
        due = "" if one.due_at is None else f"{one.due_at.astimezone(UTC):%H:%M:%S.%f}"[:-3]
        lag = "" if one.lag_seconds is None else f"{one.lag_seconds:.2f} s"
        link = deployment.run_url(one.job, one.dag_run_id) if one.dag_run_id else None
        shown.add_row(
            str(number),
            Text(one.job, style=Style(link=link)),
            due,
            lag,
            f"{one.ended_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            one.error_class,
            Text(one.reason),
        )
    return shown


def _table(*columns: str) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    return shown


def _link(deployment: Deployment, letter: DeadLetter) -> str | None:
    """Return the address of the run that failed last: that of a retry, where it was one."""
    if letter.dag_run_id is None:
        return None
    is_retry = letter.dag_run_id.startswith("retry.")
    return deployment.run_url("webhook_retry" if is_retry else letter.job, letter.dag_run_id)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
