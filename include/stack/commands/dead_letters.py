"""`./ops dead-letters list|show|replay|compensate|abandon|…`: what failed, and what a person decides about it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import psutil
import typer
from rich.progress import Progress
from rich.style import Style
from rich.table import Table
from rich.text import Text

from include.clock import SystemClock
from include.errors import ActRefusedError, ErrorClass
from include.jobs.dead_letters import PER_MINUTE, Desk
from include.jobs.person import person_from
from include.routing import job_from
from include.stack import lifecycle
from include.stack.act import Actor, Json  # noqa: TC001 - typer reads the annotations
from include.stack.databases import store_of
from include.stack.errors import StackError
from include.stack.terminal import console, say
from include.store.dead_letters import Act, Filter, LetterState
from include.store.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.jobs.dead_letters import Done, Preview
    from include.jobs.person import Person
    from include.stack.stack import Stack
    from include.store import Store
    from include.store.dead_letters import Attempt, DeadLetter, Group

MOST_SHOWN = 100
AGO = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
HELP = {
    Act.REPLAY: "Let their jobs try again, so many a minute.",
    Act.COMPENSATE: "Undo what their jobs have half done; docs/failures.md says what that is.",
    Act.ABANDON: "Let them be; `undo` takes it back.",
    Act.UNDO_ABANDON: "Let abandoned ones wait for a person again.",
    Act.CLOSE_FIXED: "Close those that a later event has fixed.",
    Act.HOLD: "Stop replays that no run has taken yet.",
}
NAMES = {act: act.value.replace("_", "-") for act in Act} | {Act.UNDO_ABANDON: "undo"}

app = typer.Typer(
    help="Show what failed; try it again, undo it, or let it be.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Ids = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", help="Their numbers; without, by filter.")
]
Job = Annotated[str | None, typer.Option("--job", help="Of this job.")]
Class = Annotated[ErrorClass | None, typer.Option("--class", help="Of this class of failure.")]
Print = Annotated[
    str | None, typer.Option("--fingerprint", help="Alike ones: see the list's groups.")
]
Member = Annotated[str | None, typer.Option("--member", metavar="EMAIL|ID", help="Of this member.")]
Run = Annotated[str | None, typer.Option("--run", help="For which this DAG run failed.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Failed last then or later: 90m, 6h, 2d, a time."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Failed last before then.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what it would be about.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit log.")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Which letters a person means, in her words."""

    ids: list[int] | None = None
    job: str | None = None
    error_class: ErrorClass | None = None
    fingerprint: str | None = None
    member: str | None = None
    run: str | None = None
    since: str | None = None
    until: str | None = None


@app.command("list")
def show_list(  # noqa: PLR0913 - a filter's options
    ids: Ids = None,
    *,
    state: Annotated[
        list[LetterState] | None, typer.Option("--state", help="In these states; without, open.")
    ] = None,
    job: Job = None,
    error_class: Class = None,
    fingerprint: Print = None,
    member: Member = None,
    run: Run = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """List the letters that wait for a person, and the groups of alike ones."""
    wish = Wish(
        ids=ids,
        job=job,
        error_class=error_class,
        fingerprint=fingerprint,
        member=member,
        run=run,
        since=since,
        until=until,
    )
    stack = lifecycle.running_or_error(lifecycle.layout())
    with store_of(stack) as store:
        wanted = filter_from(wish, store=store, now=SystemClock().now())
        states = tuple(LetterState) if ids and not state else state or wanted.states
        wanted = replace(wanted, states=tuple(states))
        letters, groups = store.dead_letters.select(wanted), store.dead_letters.groups(wanted)
    if as_json:
        found = {
            "letters": [document(stack, letter) for letter in letters],
            "groups": [group_document(group) for group in groups],
        }
        say(json.dumps(found, indent=1))
        return
    if not letters:
        say("ops: no such dead letter")
        return
    console().print(group_table(groups))
    say()
    console().print(letter_table(stack, letters[:MOST_SHOWN]))
    if len(letters) > MOST_SHOWN:
        say(f"and {len(letters) - MOST_SHOWN:,} more; --json prints all of them")


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="Its number in the list.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one letter with every try and its times."""
    stack = lifecycle.running_or_error(lifecycle.layout())
    with store_of(stack) as store:
        letter = store.dead_letters.get(number)
        if letter is None:
            raise StackError(f"there is no dead letter {number}")
        tries = store.dead_letters.attempts(number)
        rows = store.inbox.rows(store.dead_letters.inbox_ids(number))
    if as_json:
        events = [
            {"id": row.id, "event_id": row.event_id, "type": row.type, "state": row.state}
            for row in rows
        ]
        attempts = [attempt_document(stack, one) for one in tries]
        say(json.dumps({**document(stack, letter), "events": events, "tries": attempts}, indent=1))
        return
    console().print(letter_table(stack, [letter]))
    say()
    console().print(attempt_table(stack, tries))
    for row in rows:
        say(f"row {row.id}: {row.type} {row.event_id}, {row.state}")


@app.command()
def resume(*, as_json: Json = False) -> None:
    """Carry out to the end what was decided and interrupted."""
    stack = lifecycle.running_or_error(lifecycle.layout())
    with store_of(stack) as store:
        done = Desk(store, clock=SystemClock()).resume()
    if as_json:
        say(json.dumps([done_document(one) for one in done], indent=1))
        return
    for one in done:
        say(f"decision {one.decision_id}: {one.done:,} of {one.chosen:,} done")
    if not done:
        say("ops: nothing was interrupted")


def _add(act: Act) -> None:
    """Make the command of an act."""

    def command(  # noqa: PLR0913 - a filter's options
        ids: Ids = None,
        *,
        job: Job = None,
        error_class: Class = None,
        fingerprint: Print = None,
        member: Member = None,
        run: Run = None,
        since: Since = None,
        until: Until = None,
        reason: Reason = None,
        actor: Actor = None,
        per_minute: Annotated[
            int, typer.Option("--per-minute", min=1, help="How many are due in a minute.")
        ] = PER_MINUTE,
        with_fixed: Annotated[
            bool, typer.Option("--with-fixed", help="Replay what a later event has fixed, too.")
        ] = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        wish = Wish(
            ids=ids,
            job=job,
            error_class=error_class,
            fingerprint=fingerprint,
            member=member,
            run=run,
            since=since,
            until=until,
        )
        stack = lifecycle.running_or_error(lifecycle.layout())
        with store_of(stack) as store:
            wanted = filter_from(wish, store=store, now=SystemClock().now())
            preview = Desk(store, clock=SystemClock()).preview(act, wanted)
            if dry_run or not preview.count:
                _tell_preview(act, preview, as_json=as_json)
                return
            person = _person(actor, reason)
            _confirm(act, preview, yes=yes, as_json=as_json)
            options = Options(per_minute=per_minute, with_fixed=with_fixed)
            done = _carry_out(act, wanted, person, options, store=store, quiet=as_json)
        _tell_done(act, done, as_json=as_json)

    app.command(NAMES[act], help=HELP[act])(command)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How replays are done."""

    per_minute: int
    with_fixed: bool


def _carry_out(  # noqa: PLR0913 - what an act is
    act: Act, wanted: Filter, person: Person, options: Options, *, store: Store, quiet: bool
) -> Done:
    with Progress(
        console=console(), transient=True, disable=quiet or not sys.stdout.isatty()
    ) as bar:
        task = bar.add_task(NAMES[act])
        desk = Desk(
            store,
            clock=SystemClock(),
            progress=lambda place, total: bar.update(task, completed=place, total=total),
        )
        match act:
            case Act.REPLAY:
                return desk.replay(
                    wanted,
                    by=person,
                    per_minute=options.per_minute,
                    with_fixed=options.with_fixed,
                )
            case Act.COMPENSATE:
                return desk.compensate(wanted, by=person, per_minute=options.per_minute)
            case Act.ABANDON:
                return desk.abandon(wanted, by=person)
            case Act.UNDO_ABANDON:
                return desk.undo_abandon(wanted, by=person)
            case Act.CLOSE_FIXED:
                return desk.close_fixed(wanted, by=person)
            case Act.HOLD:
                return desk.hold(wanted, by=person)


# --- what comes in ---


def filter_from(wish: Wish, *, store: Store, now: datetime) -> Filter:
    """Return the filter that a person means; raise StackError where nobody or no time is meant."""
    member_id = None
    if wish.member is not None:
        members = Timeline(store.connection).members_of(wish.member.strip())
        if len(members) != 1:
            raise StackError(f"{len(members) or 'nobody'} known under this name: name one member")
        member_id = next(iter(members))
    return Filter(
        ids=tuple(wish.ids) if wish.ids else None,
        job=None if wish.job is None else job_from(wish.job),
        error_class=wish.error_class,
        fingerprint=wish.fingerprint,
        member_id=member_id,
        dag_run_id=wish.run,
        since=None if wish.since is None else moment_from(wish.since, now=now),
        until=None if wish.until is None else moment_from(wish.until, now=now),
    )


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
    raise StackError(f"the time {text!r} cannot be read: write 90m, 6h, 2d or 2026-12-31T12:00:00Z")


def _person(actor: str | None, reason: str | None) -> Person:
    try:
        return person_from(psutil.Process().username() if actor is None else actor, reason or "")
    except ActRefusedError as error:
        raise StackError(str(error)) from None


def _confirm(act: Act, preview: Preview, *, yes: bool, as_json: bool) -> None:
    """Have a person say yes to the count, unless she has."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise StackError(f"{preview.count:,} letters: say --yes, or --dry-run to look first")
    _tell_preview(act, preview, as_json=False)
    if not typer.confirm(f"{NAMES[act]} {preview.count:,} letters?"):
        raise StackError("nothing is changed")


# --- what is shown ---


def document(stack: Stack, letter: DeadLetter) -> dict[str, Any]:
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
        "link": _link(stack, letter),
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


def attempt_document(stack: Stack, one: Attempt) -> dict[str, Any]:
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
        "link": stack.run_url(one.job, one.dag_run_id) if one.dag_run_id else None,
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


def letter_table(stack: Stack, letters: Sequence[DeadLetter]) -> Table:
    """Return letters for people."""
    shown = _table("id", "state", "job", "what", "tries", "last, UTC", "class", "reason", "")
    for letter in letters:
        words = (letter.is_fixed and "fixed by a later event", letter.actor, letter.why)
        shown.add_row(
            str(letter.id),
            Text(letter.state, style=Style(link=_link(stack, letter))),
            letter.job,
            Text(letter.subject),
            str(letter.attempts),
            f"{letter.last_seen_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            letter.error_class,
            Text(letter.reason),
            Text(": ".join(word for word in words if word)),
        )
    return shown


def attempt_table(stack: Stack, tries: Sequence[Attempt]) -> Table:
    """Return tries for people."""
    shown = _table("try", "by", "due, UTC", "began after", "ended, UTC", "class", "reason")
    for number, one in enumerate(tries, 1):
        due = "" if one.due_at is None else f"{one.due_at.astimezone(UTC):%H:%M:%S.%f}"[:-3]
        lag = "" if one.lag_seconds is None else f"{one.lag_seconds:.2f} s"
        link = stack.run_url(one.job, one.dag_run_id) if one.dag_run_id else None
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


def _tell_preview(act: Act, preview: Preview, *, as_json: bool) -> None:
    if as_json:
        groups = [group_document(group) for group in preview.groups]
        found = {"act": act, "count": preview.count, "fixed_by_a_later_event": preview.fixed}
        say(json.dumps({**found, "groups": groups}, indent=1))
        return
    if not preview.count:
        say("ops: no such dead letter")
        return
    console().print(group_table(preview.groups))
    say(f"{NAMES[act]}: {preview.count:,} letters")
    if preview.fixed and act is Act.REPLAY:
        say(f"{preview.fixed:,} of them are fixed by a later event: `close-fixed` is for those")


def _tell_done(act: Act, done: Done, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps({"act": act, **done_document(done)}, indent=1))
        return
    say(f"{NAMES[act]}: {done.done:,} of {done.chosen:,} letters")
    if done.fixed:
        say(f"{done.fixed:,} more are fixed by a later event: `close-fixed` closes them")


def _link(stack: Stack, letter: DeadLetter) -> str | None:
    """Return the address of the run that failed last: that of a retry, where it was one."""
    if letter.dag_run_id is None:
        return None
    is_retry = letter.dag_run_id.startswith("retry.")
    return stack.run_url("webhook_retry" if is_retry else letter.job, letter.dag_run_id)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


for _one in Act:
    _add(_one)
