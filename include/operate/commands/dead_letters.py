"""`./ops dead-letters list|show|replay|compensate|abandon|…`: what failed, and what a person decides about it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from include.clock import SystemClock
from include.errors import CommandError
from include.failures.dead_letters import LEFT, PER_MINUTE, STATES_FOR, DeadLetterService
from include.operate.act import Actor, JsonOption, person_of
from include.operate.dead_letters.filter_options import DeadLetterFilter, filter_from, filtered
from include.operate.dead_letters.shown import (
    attempt_document,
    attempt_table,
    document,
    done_document,
    group_document,
    group_table,
    letter_table,
)
from include.operate.deployment import chosen
from include.operate.terminal import console, group, say, say_json
from include.store.dead_letters import DeadLetterAction, DeadLetterState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from include.failures.dead_letters import DecisionResult, Preview

MAX_SHOWN = 100
HELP = {
    DeadLetterAction.REPLAY: "Let their jobs try again, so many a minute.",
    DeadLetterAction.COMPENSATE: "Undo what their jobs have half done; docs/failures.md says what that is.",
    DeadLetterAction.ABANDON: "Let them be; `undo` takes it back.",
    DeadLetterAction.UNDO_ABANDON: "Let abandoned ones wait for a person again.",
    DeadLetterAction.CLOSE_FIXED: "Close those that a later event has fixed.",
    DeadLetterAction.HOLD: "Stop replays that no run has taken yet.",
}
NAMES = {act: act.value.replace("_", "-") for act in DeadLetterAction} | {
    DeadLetterAction.UNDO_ABANDON: "undo"
}

app = group("Show what failed; try it again, undo it, or let it be.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what it would be about.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit log.")
]


@app.command("list")
@filtered
def show_list(
    *,
    filters: DeadLetterFilter,
    state: Annotated[
        list[DeadLetterState] | None,
        typer.Option("--state", help="In these states; without, open."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the dead letters that wait for a person, and the groups of alike ones."""
    deployment = chosen()
    with deployment.store() as store:
        wanted = filter_from(filters, store=store, now=SystemClock().now())
        states = tuple(DeadLetterState) if filters.ids and not state else state or wanted.states
        wanted = replace(wanted, states=tuple(states))
        letters, groups = store.dead_letters.select(wanted), store.dead_letters.groups(wanted)
    if as_json:
        found = {
            "letters": [document(deployment, letter) for letter in letters],
            "groups": [group_document(group) for group in groups],
        }
        say_json(found)
        raise typer.Exit(1 if filters.names_one and not letters else 0)
    if not letters:
        say("ops: no such dead letter")
        raise typer.Exit(1 if filters.names_one else 0)
    console().print(group_table(groups))
    say()
    console().print(letter_table(deployment, letters[:MAX_SHOWN]))
    if len(letters) > MAX_SHOWN:
        say(f"and {len(letters) - MAX_SHOWN:,} more; --json prints all of them")


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="Its number in the list.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with every try and its times."""
    deployment = chosen()
    with deployment.store() as store:
        letter = store.dead_letters.get(number)
        if letter is None:
            raise CommandError(f"there is no dead letter {number}")
        tries = store.dead_letters.attempts(number)
        rows = store.inbox.rows(store.dead_letters.inbox_ids(number))
    if as_json:
        events = [
            {"id": row.id, "event_id": row.event_id, "type": row.type, "state": row.state}
            for row in rows
        ]
        attempts = [attempt_document(deployment, one) for one in tries]
        say_json({**document(deployment, letter), "events": events, "tries": attempts})
        return
    console().print(letter_table(deployment, [letter]))
    say()
    console().print(attempt_table(deployment, tries))
    for row in rows:
        say(f"row {row.id}: {row.type} {row.event_id}, {row.state}")


@app.command()
def resume(*, as_json: JsonOption = False) -> None:
    """Carry out to the end what was decided and interrupted."""
    deployment = chosen()
    with deployment.store() as store:
        done = DeadLetterService(store, clock=SystemClock()).resume()
    if as_json:
        say_json([done_document(one) for one in done])
        return
    for one in done:
        say(f"decision {one.decision_id}: {one.done:,} of {one.chosen:,} done")
    if not done:
        say("ops: nothing was interrupted")


def _add(act: DeadLetterAction) -> None:
    """Make the command of an act."""

    @filtered
    def command(  # noqa: PLR0913 - an act's options
        *,
        filters: DeadLetterFilter,
        reason: ReasonOption = None,
        actor: Actor = None,
        per_minute: Annotated[
            int, typer.Option("--per-minute", min=1, help="How many are due in a minute.")
        ] = PER_MINUTE,
        with_fixed: Annotated[
            bool, typer.Option("--with-fixed", help="Replay what a later event has fixed, too.")
        ] = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        as_json: JsonOption = False,
    ) -> None:
        deployment = chosen()
        with deployment.store() as store:
            wanted = filter_from(filters, store=store, now=SystemClock().now())
            service = DeadLetterService(store, clock=SystemClock())
            preview = service.preview(act, wanted)
            if dry_run or not preview.count:
                _tell_preview(act, preview, service.elsewhere(act, wanted), as_json=as_json)
                is_nothing = not preview.count and (filters.names_one or not dry_run)
                raise typer.Exit(1 if is_nothing else 0)
            person = person_of(actor, reason or "")
            _confirm(act, preview, yes=yes, as_json=as_json)
            with _show_progress(act, quiet=as_json) as progress:
                service = DeadLetterService(store, clock=SystemClock(), progress=progress)
                done = service.decide(
                    act, wanted, by=person, per_minute=per_minute, with_fixed=with_fixed
                )
        _tell_done(act, done, as_json=as_json)

    app.command(NAMES[act], help=HELP[act])(command)


@contextmanager
def _show_progress(act: DeadLetterAction, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Give what hears how many of how many dead letters are done, and shows it to a person at a terminal."""
    with Progress(
        console=console(), transient=True, disable=quiet or not sys.stdout.isatty()
    ) as bar:
        task = bar.add_task(NAMES[act])
        yield lambda place, total: bar.update(task, completed=place, total=total)


# --- asking ---


def _confirm(act: DeadLetterAction, preview: Preview, *, yes: bool, as_json: bool) -> None:
    """Have a person say yes to the count, unless she has."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise CommandError(f"{preview.count:,} dead letters: say --yes, or --dry-run to look first")
    _tell_preview(act, preview, {}, as_json=False)
    if not typer.confirm(f"{NAMES[act]} {preview.count:,} dead letters?"):
        raise CommandError("nothing is changed")


# --- what is told ---


def _tell_preview(
    act: DeadLetterAction,
    preview: Preview,
    elsewhere: Mapping[DeadLetterState, int],
    *,
    as_json: bool,
) -> None:
    if as_json:
        groups = [group_document(group) for group in preview.groups]
        found = {"act": act, "count": preview.count, "fixed_by_a_later_event": preview.fixed}
        say_json({**found, "groups": groups})
        return
    if not preview.count:
        say(f"ops: {none_text(act, preview, elsewhere)}")
        return
    console().print(group_table(preview.groups))
    say(f"{NAMES[act]}: {preview.count:,} dead letters")
    if preview.fixed and act is DeadLetterAction.REPLAY:
        say(f"{preview.fixed:,} of them are fixed by a later event: `close-fixed` is for those")


def none_text(
    act: DeadLetterAction, preview: Preview, elsewhere: Mapping[DeadLetterState, int]
) -> str:
    """Return why there is nothing to do: what is wanted is not there, or not in the state for this act."""
    if preview.groups:  # close-fixed
        return "a later event has fixed none of them: `replay`, `compensate` and `abandon` are for those"
    if not elsewhere:
        return "no such dead letter"
    found = ", ".join(f"{number:,} {state}" for state, number in sorted(elsewhere.items()))
    return f"{NAMES[act]} is for dead letters that are {STATES_FOR[act]}; there are only: {found}"


def left_text(act: DeadLetterAction, done: DecisionResult) -> str | None:
    """Return why dead letters were chosen and not changed."""
    left = done.chosen - done.done
    if not left:
        return None
    why = f", or the dead letter {LEFT[act]}" if act in LEFT else ""
    return f"{left:,} not changed: somebody has decided meanwhile{why}"


def _tell_done(act: DeadLetterAction, done: DecisionResult, *, as_json: bool) -> None:
    if as_json:
        say_json({"act": act, **done_document(done)})
        return
    say(f"{NAMES[act]}: {done.done:,} of {done.chosen:,} dead letters")
    if left := left_text(act, done):
        say(left)
    if done.fixed:
        say(f"{done.fixed:,} more are fixed by a later event: `close-fixed` closes them")


for _one in DeadLetterAction:
    _add(_one)
