"""`./ops deactivations list|revoke|undo|move|run-now`: the planned ends of memberships, and a person's say in them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer
from rich.style import Style
from rich.text import Text

from include.clock import SystemClock
from include.errors import CommandError
from include.membership.ends import EndState
from include.operate import ends_by_hand
from include.operate.act import Actor, JsonOption, Why, acting
from include.operate.deployment import chosen
from include.operate.terminal import console, document_of, group, moment, say, say_json, table_of
from include.routing import DEACTIVATION as DAG_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from include.membership.ends import Deactivation
    from include.operate.deployment import Deployment
    from include.operate.ends_by_hand import RowChange
    from include.store import Store

MAX_SHOWN = 100
UNITS = ((86400, "d"), (3600, "h"), (60, "min"))

app = group("Show the planned ends of memberships; revoke one, move it, or have it now.")

IdArgument = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="Its number in the list.")
]


@app.command("list")
def show(
    handle: Annotated[
        str | None,
        typer.Argument(
            metavar="EMAIL|ID", help="Whose: what is over too. Without, all that are to come."
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the ends that are planned or wait for a person, the next to come first."""
    deployment = chosen()
    with deployment.store() as store:
        rows = read(store, handle)
    if as_json:
        say_json([document(deployment, row) for row in rows])
        return
    if not rows:
        say("ops: no end of a membership is planned")
        return
    console().print(table(deployment, rows[:MAX_SHOWN], now=SystemClock().now()))
    if len(rows) > MAX_SHOWN:
        say(f"and {len(rows) - MAX_SHOWN:,} more; --json prints all of them")


@app.command()
def revoke(
    number: IdArgument, *, reason: Why, actor: Actor = None, as_json: JsonOption = False
) -> None:
    """Let the membership go on, whatever Stripe does at the end that was planned; `undo` takes it back."""
    with acting(reason, actor) as (deployment, store, person):
        done = ends_by_hand.revoke(number, person=person, now=SystemClock().now(), store=store)
        page = stripe_page(done.after.subscription_id, mode=store.inbox.mode_of("stripe"))
    _tell(deployment, done, revoked_text(done.after, page), as_json)


@app.command()
def undo(
    number: IdArgument, *, reason: Why, actor: Actor = None, as_json: JsonOption = False
) -> None:
    """Plan the end anew that a person has revoked, as it was then."""
    with acting(reason, actor) as (deployment, store, person):
        done = ends_by_hand.undo(number, person=person, now=SystemClock().now(), store=store)
    _tell(deployment, done, f"is planned again, as deactivation {done.after.id}", as_json)


@app.command()
def move(
    number: IdArgument,
    date: Annotated[
        str, typer.Argument(metavar="DATE", help="With its time zone: 2026-12-31T12:00:00Z.")
    ],
    *,
    reason: Why,
    actor: Actor = None,
    as_json: JsonOption = False,
) -> None:
    """Let the membership end at another moment that is to come."""
    at = date_from(date)
    with acting(reason, actor) as (deployment, store, person):
        done = ends_by_hand.move(number, at, person=person, now=SystemClock().now(), store=store)
    _tell(deployment, done, f"is moved to {moment(at)} UTC", as_json)


@app.command("run-now")
def run_now(
    number: IdArgument,
    *,
    reason: Why,
    actor: Actor = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let the membership end now, which nothing takes back; or have what failed tried again."""
    with acting(reason, actor) as (deployment, store, person):
        if not yes:
            confirm(number, store.deactivations.get(number), as_json=as_json)
        done = ends_by_hand.run_now(number, person=person, now=SystemClock().now(), store=store)
    _tell(deployment, done, "is due now: the relay starts its run", as_json)


# --- asking ---


def confirm(number: int, row: Deactivation | None, *, as_json: bool) -> None:
    """Have a person say yes to what cannot be undone, unless she has."""
    if as_json or not sys.stdin.isatty():
        raise CommandError("this ends a membership now and cannot be undone: say --yes")
    whose = f" of member {row.member_id} ({row.subscription_id})" if row else ""
    if not typer.confirm(f"End the membership{whose} now? It cannot be undone"):
        raise CommandError(f"nothing is changed: deactivation {number} stays as it was")


# --- what comes in ---


def date_from(text: str) -> datetime:
    """Return the moment a person means, in UTC; raise CommandError where that is not clear."""
    example = "write it like 2026-12-31T12:00:00Z"
    try:
        at = datetime.fromisoformat(text.strip())
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"the date {text!r} cannot be read: {example}") from None
    raise CommandError(f"the date {text!r} has no time zone: {example}")


def read(store: Store, handle: str | None) -> list[Deactivation]:
    """Return what is open, or all of one member's; raise CommandError where nobody is meant."""
    if handle is None:
        return store.deactivations.read_open()
    members = store.timeline.members_of(handle.strip())
    if not members:
        raise CommandError("nobody is known under this name")
    return [row for member_id in members for row in store.deactivations.of_member(member_id)]


# --- what is shown ---


def stripe_page(subscription_id: str, *, mode: str) -> str:
    """Return where a subscription is resumed by hand in Stripe's dashboard."""
    folder = "test/" if mode == "test" else ""
    return f"https://dashboard.stripe.com/{folder}subscriptions/{quote(subscription_id, safe='')}"


def revoked_text(row: Deactivation, page: str) -> str:
    """Say what a revoked end means here and at Stripe, and what to do there."""
    at = f" at {moment(row.vendor_at)} UTC" if row.vendor_at else ""
    return (
        "is revoked: here the membership goes on, until the vendors tell of another end.\n"
        f"Stripe does not know of it: it still ends {row.subscription_id}{at}, and charges her no more. "
        f"The tag `canceling` stays at Mailchimp until she is resumed there:\n{page}\n"
        f"To take this back: deactivations undo {row.id}"
    )


def document(deployment: Deployment, row: Deactivation) -> dict[str, Any]:
    """Return a row as JSON."""
    return document_of(
        row,
        without=("generation", "taken_by", "decided_at", "applied_at"),
        dag_run_id=_run_id(row),
        link=_link(deployment, row),
    )


def table(deployment: Deployment, rows: Sequence[Deactivation], *, now: datetime) -> Table:
    """Return rows for people."""
    shown = table_of("id", "ends, UTC", "", "state", "because of", "member", "subscription", "")
    for row in rows:
        bad = row.state in (EndState.DATE_UNKNOWN, EndState.FAILED) or row.problem is not None
        words = (row.actor and f"by {row.actor}", row.why, row.problem)
        shown.add_row(
            str(row.id),
            moment(row.deactivate_at),
            _distance(row, now),
            Text(row.state.replace("_", " "), style=Style(link=_link(deployment, row), bold=bad)),
            row.reason.replace("_", " "),
            str(row.member_id),
            Text(row.subscription_id),
            Text(": ".join(filter(None, words))),
        )
    return shown


def _distance(row: Deactivation, now: datetime) -> str:
    """Say how far off an end is that is to come."""
    if row.deactivate_at is None or not row.is_open:
        return ""
    seconds = abs(row.deactivate_at - now).total_seconds()
    unit, name = next((unit for unit in UNITS if seconds >= 2 * unit[0]), UNITS[-1])
    amount = f"{seconds / unit:.0f} {name}"
    return f"in {amount}" if row.deactivate_at > now else f"{amount} ago"


def _tell(deployment: Deployment, done: RowChange, what: str, as_json: bool) -> None:  # noqa: FBT001
    if as_json:
        parts = {name: document(deployment, row) for name, row in done._asdict().items()}
        say_json(parts)
        return
    at = moment(done.before.deactivate_at)
    was = f"{at} UTC" if at else "without a date"
    say(f"deactivation {done.before.id}, {was}, {what}")


def _run_id(row: Deactivation) -> str | None:
    return row.taken_by or row.dag_run_id


def _link(deployment: Deployment, row: Deactivation) -> str | None:
    run_id = _run_id(row)
    return None if run_id is None else deployment.run_url(DAG_ID, run_id)
