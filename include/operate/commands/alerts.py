"""`./ops alerts`: where the rules stand, and a person's say in it; can they be used, would they fire."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from include.alerts import cases
from include.alerts.history import untellable
from include.alerts.rules import FILE, RulesError, Target, duration_from, load, others
from include.alerts.states import AlertEventType
from include.alerts.texts import AlertMessage, moment, numbers_text, span
from include.clock import SystemClock
from include.errors import CommandError, VendorError
from include.operate.act import Actor, JsonOption, Why, acting
from include.operate.alerts import read_alerts, say_of
from include.operate.backtest import play_back
from include.operate.deployment import NoDeploymentError, chosen
from include.operate.terminal import console, group, plain, say, say_json, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from include.alerts.channels import AlertChannel
    from include.alerts.history import Firing, Pair
    from include.alerts.rules import AlertRule
    from include.operate.alerts import Alert

RuleName = Annotated[str, typer.Argument(metavar="RULE", help="Its name in the list.")]
RulesFile = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="Other rules than include/alerts.yaml."),
]

app = group(
    "Show the alerts and quieten one; try the rules: can they be used, would they fire, would they have fired."
)


# --- what a person says of an alert ---


@app.command("list")
def show_all(*, as_json: JsonOption = False) -> None:
    """Say where each rule stands: what fires first, and who has quietened it."""
    with chosen().store() as store:
        found = read_alerts(store, now=SystemClock().now())
    if as_json:
        say_json(found)
    else:
        console().print(table(found))


@app.command()
def acknowledge(rule: RuleName, *, reason: Why, actor: Actor = None) -> None:
    """Say that somebody is at it: what fires now is not told again, but its end is."""
    _say_of(rule, "acknowledge", reason, actor)


@app.command()
def silence(
    rule: RuleName,
    *,
    hours: Annotated[Literal["1", "4", "24", "168"], typer.Option(help="For how long.")],
    reason: Why,
    actor: Actor = None,
) -> None:
    """Have an alert told nowhere for a while."""
    _say_of(rule, "silence", reason, actor, hours=hours)


@app.command()
def inhibit(
    rule: RuleName,
    *,
    vendor: Annotated[str, typer.Option(metavar="VENDOR", help="One that is down now.")],
    reason: Why,
    actor: Actor = None,
) -> None:
    """Have an alert told nowhere while a vendor is down that it follows from."""
    _say_of(rule, "inhibit", reason, actor, vendor=vendor)


@app.command()
def tell(rule: RuleName, *, reason: Why, actor: Actor = None) -> None:
    """Take back what somebody has said of an alert: it is told as ever."""
    _say_of(rule, "end", reason, actor)


def _say_of(rule: str, what: str, reason: str, actor: str | None, **more: str) -> None:
    with acting(reason, actor) as (_, store, person):
        said = say_of(rule, what, **more, person=person, store=store, now=SystemClock().now())
    say(f"ops: {said}")


def table(found: Sequence[Alert]) -> Table:
    """Return the rules for people."""
    shown = table_of("rule", "stands", "since", "numbers", "quiet", "severity")
    for one in found:
        quiet = f"{one.pause.kind} by {one.pause.actor.removeprefix('user:')}" if one.pause else ""
        since = moment(one.since) if one.since else ""
        shown.add_row(one.name, one.phase, since, one.numbers, quiet, one.severity)
    return shown


# --- the rules ---


@app.command()
def check(
    *,
    rules_file: RulesFile = None,
    send_test: Annotated[
        bool, typer.Option("--send-test", help="Send a test message to every target of the rules.")
    ] = False,
) -> None:
    """Say whether the rules can be used, and whether a running stack reaches their channels."""
    rules = rules_of(rules_file)
    say(f"ops: {len(rules)} alert rules can be used: {', '.join(rule.name for rule in rules)}")
    if (why := why_not_tried()) and send_test:
        raise CommandError(why)
    if why:
        say(f"ops: {why}, so the channels were not tried")
        return
    with ExitStack() as exit_stack:
        failed = try_channels(_channels(exit_stack), others(rules), send_test=send_test)
    if failed:
        raise CommandError(f"not reached: {', '.join(failed)}")


@app.command("test")
def try_out(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Without: all of tests/alerts/."),
    ] = None,
    *,
    rules_file: RulesFile = None,
) -> None:
    """Play series of numbers against the rules, and compare what fires with what should."""
    rules = rules_of(rules_file)
    try:
        outcomes = [
            one
            for path in files or sorted(cases.FOLDER.glob("*.yaml"))
            for one in cases.run(path, rules)
        ]
    except RulesError as error:
        raise CommandError(str(error)) from None
    for one in outcomes:
        say(f"{'ok    ' if one.wrong is None else 'FAILED'}  {one.rule}: {one.case}")
        if one.wrong is not None:
            say(f"        {one.wrong}")
    wrong = sum(one.wrong is not None for one in outcomes)
    say(f"{len(outcomes) - wrong} passed, {wrong} failed")
    if wrong or not outcomes:
        raise typer.Exit(1)


@app.command()
def backtest(
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How far back: 30d, 12h; or a moment in ISO 8601.")
    ] = "30d",
    rules_file: RulesFile = None,
    as_json: JsonOption = False,
) -> None:
    """Say when the rules would have fired, beside when they did; 1 if the two differ for the rules in use."""
    rules = rules_of(rules_file)
    now = SystemClock().now()
    start = begin_from(since, now)
    with chosen().store() as store:
        found = play_back(rules, store, start=start, now=now)
    left_out = {rule.name: untellable(rule) for rule in rules if untellable(rule)}
    if as_json:
        say_json(document(found.pairs, start=start, minutes=found.minutes))
    else:
        show(found.pairs, start=start, minutes=found.minutes)
    for name, names in left_out.items():
        say(f"ops: {name} cannot be played again: nothing is kept of {', '.join(names)}")
    if rules_file is None and any(None in pair for pair in found.pairs):
        raise typer.Exit(1)


# --- what comes in ---


def rules_of(path: Path | None) -> tuple[AlertRule, ...]:
    """Return the rules of a file; raise CommandError with every problem and its place."""
    try:
        return load(path or FILE)
    except RulesError as error:
        raise CommandError(f"the alert rules cannot be used:\n{error}") from None


def begin_from(text: str, now: datetime) -> datetime:
    """Return the moment that `30d` or an ISO date means; raise CommandError where it means none."""
    try:
        amount, unit = int(text[:-1]), text[-1:]
        return now - amount * duration_from(f"1{unit}")
    except (ValueError, OverflowError):
        pass
    try:
        begin = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time: write 30d, 12h or 2026-12-31T12:00:00Z") from None
    return begin if begin.tzinfo else begin.replace(tzinfo=UTC)


# --- channels ---


def why_not_tried() -> str | None:
    """Say why the channels cannot be tried from here; None where they can."""
    try:
        deployment = chosen()
    except NoDeploymentError as error:
        return str(error)
    return (
        None
        if deployment.is_inside
        else "a profile knows no channels: they are Airflow's connections"
    )


def _channels(exit_stack: ExitStack) -> Mapping[str, AlertChannel]:
    from include.dagkit.collaborators import Collaborators  # noqa: PLC0415 - imports Airflow

    return Collaborators(exit_stack).alert_channels


def try_channels(
    channels: Mapping[str, AlertChannel], targets: Sequence[Target], *, send_test: bool
) -> list[str]:
    """Return the channels that are not reached, and the targets that a test message was not sent to."""
    names = dict.fromkeys(one.channel for one in targets)
    failed: list[str] = [name for name in names if not reached(channels, name)]
    if send_test:
        failed += [
            str(one) for one in targets if one.channel not in failed and not sent(channels, one)
        ]
    return failed


def reached(channels: Mapping[str, AlertChannel], name: str) -> bool:
    """Ask a channel whether it knows us, telling nobody; say how that went."""
    try:
        channels[name].check()
    except VendorError as error:
        say(f"ops: {name}: {error}")
        return False
    say(f"ops: {name} is reached")
    return True


def sent(channels: Mapping[str, AlertChannel], target: Target) -> bool:
    """Send a test message to a target, and its end; say how that went."""
    now = SystemClock().now()
    message = AlertMessage(
        rule="alerts_check",
        what=AlertEventType.FIRED,
        severity="info",
        at=now,
        key=f"alerts_check.{now:%Y%m%dT%H%M%SZ}",
        facts=("This is a test: nothing is wrong, and nothing is to be done", "./ops alerts check"),
        runbook="docs/alerts.md",
    )
    try:
        channel = channels[target.channel]
        channel.send(target.to, message)
        if channel.is_repeatable:  # an incident stays open until its end
            channel.send(target.to, replace(message, what=AlertEventType.RESOLVED))
    except VendorError as error:
        say(f"ops: {target}: {error}")
        return False
    say(f"ops: {target} was sent a test message")
    return True


# --- what would have fired ---


def show(pairs: Sequence[Pair], *, start: datetime, minutes: int) -> None:
    """Print the firings, one a line."""
    say(f"ops: {minutes} evaluations are kept since {moment(start)}")
    if not pairs:
        say("ops: no rule would have fired, and none did")
        return
    shown = table_of("rule", "would have fired", "for", "did fire", "for", "numbers")
    for played, kept in pairs:
        if one := played or kept:
            numbers = numbers_text(one.numbers)
            shown.add_row(one.rule, *_times(played), *_times(kept), numbers)
    console().print(shown)


def _times(firing: Firing | None) -> tuple[str, str]:
    if firing is None:
        return "no", ""
    end = firing.resolved_at
    return moment(firing.fired_at), span(end - firing.fired_at) if end else "it still does"


def document(pairs: Sequence[Pair], *, start: datetime, minutes: int) -> dict[str, Any]:
    """Return the outcome as JSON."""
    return {
        "since": start.isoformat(),
        "evaluations": minutes,
        "firings": [{"played": plain(played), "kept": plain(kept)} for played, kept in pairs],
        "same": all(None not in pair for pair in pairs),
    }
