"""What people are shown and told: the question, its form, and what came of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.jobs.dead_letter_review.decide import WHY, Choice, choice_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.links import Links
    from include.store import Store
    from include.store.dead_letters import DeadLetterGroup
    from include.store.reviews import AskedGroup, Review


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of the form; without `choices` it is a text, which may stay empty."""

    name: str
    title: str
    description: str
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What people are asked, in Airflow's words: Markdown and a form."""

    subject: str
    body: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedOut:
    """What came of a review; `refused` are the groups of which nothing was done, with the reason."""

    done: dict[str, int]
    refused: dict[str, str]
    summary: str = "nothing to carry out"

    @property
    def problem(self) -> str | None:
        """Return one line about what was not done."""
        return "; ".join(f"{name}: {why}" for name, why in sorted(self.refused.items())) or None


def field_of_group(group: AskedGroup, chosen: str | None) -> Field:
    """Return the field that asks about a group."""
    return Field(
        name=group.name,
        title=f"{group.count} of {group.job}, dead letter {group.example}",
        description=f"{group.error_class}: {group.reason}",
        choices=tuple(Choice),
        default=choice_from(chosen),
    )


def why_field() -> Field:
    """Return the field for the reason."""
    return Field(
        name=WHY,
        title="Why",
        description="Kept in the audit log, without addresses. Needed to abandon.",
    )


def body_of(
    groups: Sequence[DeadLetterGroup],
    total: int,
    refused: Review | None,
    *,
    store: Store,
    links: Links,
) -> str:
    """Return the question: the groups as a table, the largest first, with an example each."""
    again = (
        [f"**Nothing was done: {refused.refusal}.** What was chosen is kept.", ""]
        if refused
        else []
    )
    lines = [
        *again,
        "Decide for each group, then choose *Carry out*. What nobody decides about stays open.",
        "",
        "| dead letters | job | since | what failed | an example |",
        "|---|---|---|---|---|",
    ]
    for group in groups:
        dead_letter = store.dead_letters.get(group.example_id)
        run = dead_letter.dag_run_id if dead_letter else None
        example = f"[run]({links.run(group.job, run)})" if run else ""
        fixed = f", {group.fixed} fixed by a later event" if group.fixed else ""
        since = f"{group.first_seen_at:%Y-%m-%d %H:%M}"
        reason = _plain(group.reason)
        lines.append(
            f"| {group.count}{fixed} | {group.job} | {since} | {group.error_class}: {reason} "
            f"| dead letter {group.example_id} {example} |"
        )
    if total > len(groups):
        lines += ["", f"{total - len(groups)} smaller groups come with the next review."]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Keep a reason from being read as Markdown or HTML."""
    escaped = "".join(f"\\{char}" if char in r"\`*_{}[]<>()#|!~" else char for char in text)
    return " ".join(escaped.split())


def summary_of(review: Review) -> str:
    """Say in one line what was decided and by whom."""
    acts = ", ".join(
        f"{result['act']} {result['letters']}" for _, result in sorted(review.results.items())
    )
    who = (review.actor or "").removeprefix("user:")
    return f"{who} has decided: {acts or 'nothing now'}"
