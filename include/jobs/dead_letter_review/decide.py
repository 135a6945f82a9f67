"""What an answer means, and whether it can be taken. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from include.errors import ActRefusedError, ErrorClass
from include.person import Person, person_from
from include.store.dead_letters import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.store.dead_letters import DeadLetterGroup
    from include.store.reviews import AskedGroup, Review

WHY = "why"


class Choice(StrEnum):
    """What a person may decide about a group."""

    REPLAY = "replay"
    COMPENSATE = "compensate"
    ABANDON = "abandon"
    LATER = "later"


def kind_of(group: DeadLetterGroup) -> tuple[str, str, str]:
    """Return what tells kinds of failures apart."""
    return group.job, str(group.error_class), group.fingerprint


def refusal_of(
    review: Review, values: Mapping[str, Any], decisions: Mapping[str, Choice], why: str
) -> str | None:
    """Return in words why an answer cannot be taken as it is."""
    if values.keys() - {group.name for group in review.groups} - {WHY}:
        return "the form was another one than that of this question"
    if not why:
        return "to abandon needs a reason" if Choice.ABANDON in decisions.values() else None
    try:
        person_from("somebody", why)
    except ActRefusedError as error:
        return str(error)
    return None


def choice_from(value: object) -> Choice:
    """Read what was chosen; whatever else it is, is later."""
    try:
        return Choice(str(value))
    except ValueError:
        return Choice.LATER


def person_of(user: Mapping[str, str], why: str) -> Person:
    """Return who answered; one whose name is an address is known by her number at Airflow."""
    for who in (user.get("name") or "somebody", f"airflow-{user.get('id') or 'unknown'}"):
        try:
            return person_from(who, why)
        except ActRefusedError:
            continue
    return person_from("somebody", why)


def dead_letters_of(group: AskedGroup, review: Review) -> Filter:
    """Return the dead letters that were shown, but for those that have failed again since then."""
    return Filter(
        ids=tuple(group.ids),
        job=group.job,
        error_class=ErrorClass(group.error_class),
        fingerprint=group.fingerprint,
        until=review.asked_at,
    )
