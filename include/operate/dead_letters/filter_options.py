"""Which dead letters a person means: a command's options, written once, and the filter they come to."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.alerts.rules import known_jobs
from include.errors import CommandError, ErrorClass
from include.routing import job_from
from include.store.dead_letters import Filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.store import Store

AGO = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterFilter:
    """Which dead letters a person means, in her words: her command's arguments and options."""

    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", help="Their numbers; without, by filter."),
    ] = None
    job: Annotated[str | None, typer.Option("--job", help="Of this job.")] = None
    error_class: Annotated[
        ErrorClass | None, typer.Option("--class", help="Of this class of failure.")
    ] = None
    fingerprint: Annotated[
        str | None, typer.Option("--fingerprint", help="Alike ones: see the list's groups.")
    ] = None
    member: Annotated[
        str | None, typer.Option("--member", metavar="EMAIL|ID", help="Of this member.")
    ] = None
    run: Annotated[str | None, typer.Option("--run", help="For which this DAG run failed.")] = None
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Failed last then or later: 90m, 6h, 2d, a time."
        ),
    ] = None
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Failed last before then.")
    ] = None

    @property
    def names_one(self) -> bool:
        """Tell whether it names something that must be there, and not only a kind of dead letters."""
        return bool(self.ids or self.run or self.fingerprint)


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Have a command that takes a `filters` take the options that make it, before its own."""
    options_of = inspect.signature(DeadLetterFilter, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters
    taken = [*options_of.values(), *(one for name, one in own.items() if name != "filters")]

    @wraps(command)
    def taking(**given: Any) -> None:
        filters = DeadLetterFilter(**{name: given.pop(name) for name in options_of})
        command(filters=filters, **given)

    # What typer reads.
    taking.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    taking.__annotations__ = {one.name: one.annotation for one in taken}
    return taking


def filter_from(filters: DeadLetterFilter, *, store: Store, now: datetime) -> Filter:
    """Return the filter that a person means; raise CommandError where nobody or no time is meant."""
    member_id = None
    if filters.member is not None:
        members = store.timeline.members_of(filters.member.strip())
        if len(members) != 1:
            raise CommandError(f"{len(members) or 'nobody'} known under this name: name one member")
        member_id = next(iter(members))
    return Filter(
        ids=tuple(filters.ids) if filters.ids else None,
        job=None if filters.job is None else known_job(filters.job),
        error_class=filters.error_class,
        fingerprint=filters.fingerprint,
        member_id=member_id,
        dag_run_id=filters.run,
        since=None if filters.since is None else moment_from(filters.since, now=now),
        until=None if filters.until is None else moment_from(filters.until, now=now),
    )


def known_job(name: str) -> str:
    """Return a job by its name; raise CommandError where there is none of it."""
    jobs = sorted(known_jobs())
    if (job := job_from(name)) not in jobs:
        raise CommandError(f"there is no job {name}: there are {', '.join(jobs)}")
    return job


def moment_from(text: str, *, now: datetime) -> datetime:
    """Return the moment that a text means: so long ago, or a time with its zone."""
    text = text.strip()
    if text[:-1].isdecimal() and text[-1:] in AGO and len(text) <= 7:  # noqa: PLR2004 - years
        return now - int(text[:-1]) * AGO[text[-1]]
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise CommandError(
        f"the time {text!r} cannot be read: write 90m, 6h, 2d or 2026-12-31T12:00:00Z"
    )
