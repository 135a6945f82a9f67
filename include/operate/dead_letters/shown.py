"""Dead letters, their groups and their tries: as JSON for programs, as tables for people."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text

from include.operate.terminal import document_of, moment, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from include.failures.dead_letters import DecisionResult
    from include.operate.deployment import Deployment
    from include.store.dead_letters import Attempt, DeadLetter, DeadLetterGroup


def document(deployment: Deployment, letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter as JSON."""
    return document_of(
        letter,
        without=("since", "act_id", "is_fixed"),
        fixed_by_a_later_event=letter.is_fixed,
        link=_link(deployment, letter),
    )


def group_document(group: DeadLetterGroup) -> dict[str, Any]:
    """Return a group as JSON."""
    return document_of(group, without=("fixed",), fixed_by_a_later_event=group.fixed)


def attempt_document(deployment: Deployment, one: Attempt) -> dict[str, Any]:
    """Return a try as JSON."""
    link = deployment.run_url(one.job, one.dag_run_id) if one.dag_run_id else None
    return document_of(one, lag_seconds=one.lag_seconds, link=link)


def done_document(done: DecisionResult) -> dict[str, Any]:
    """Return what came of an act as JSON."""
    return document_of(done, without=("fixed",), left_out_as_fixed=done.fixed)


def group_table(groups: Sequence[DeadLetterGroup]) -> Table:
    """Return groups for people."""
    shown = table_of("dead letters", "job", "class", "fingerprint", "fixed", "example", "reason")
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
    """Return dead letters for people."""
    shown = table_of("id", "state", "job", "what", "tries", "last, UTC", "class", "reason", "")
    for letter in letters:
        words = (letter.is_fixed and "fixed by a later event", letter.actor, letter.why)
        shown.add_row(
            str(letter.id),
            Text(letter.state, style=Style(link=_link(deployment, letter))),
            letter.job,
            Text(letter.subject),
            str(letter.attempts),
            moment(letter.last_seen_at),
            letter.error_class,
            Text(letter.reason),
            Text(": ".join(word for word in words if word)),
        )
    return shown


def attempt_table(deployment: Deployment, tries: Sequence[Attempt]) -> Table:
    """Return tries for people."""
    shown = table_of("try", "by", "due, UTC", "began after", "ended, UTC", "class", "reason")
    for number, one in enumerate(tries, 1):
        due = "" if one.due_at is None else f"{one.due_at.astimezone(UTC):%H:%M:%S.%f}"[:-3]
        lag = "" if one.lag_seconds is None else f"{one.lag_seconds:.2f} s"
        link = deployment.run_url(one.job, one.dag_run_id) if one.dag_run_id else None
        shown.add_row(
            str(number),
            Text(one.job, style=Style(link=link)),
            due,
            lag,
            moment(one.ended_at),
            one.error_class,
            Text(one.reason),
        )
    return shown


def _link(deployment: Deployment, letter: DeadLetter) -> str | None:
    """Return the address of the run that failed last: that of a retry, where it was one."""
    if letter.dag_run_id is None:
        return None
    return deployment.run_url(letter.job, letter.dag_run_id)
