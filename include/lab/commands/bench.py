"""`./ops bench`: how fast and how heavy the stack is, beside plain Airflow."""

from __future__ import annotations

import json
import signal
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from include.errors import CommandError
from include.lab.bench import beside, record, several_hosts
from include.lab.bench.burst import SIZES
from include.lab.bench.errors import BenchError
from include.lab.bench.progress import Teller
from include.lab.bench.report import failures, lines, profile, table
from include.lab.bench.run import FIGURES, run
from include.lab.bench.sleepers import COUNT
from include.lab.stack import lifecycle
from include.operate.terminal import say

if TYPE_CHECKING:
    from types import FrameType

    from include.lab.bench.report import Results


def command(  # noqa: PLR0913 - options, by name
    figures: Annotated[
        list[str] | None, typer.Argument(help=f"Which figures: {', '.join(FIGURES)}; without, all.")
    ] = None,
    *,
    repetitions: Annotated[
        int, typer.Option(min=1, max=9, help="Of how many repetitions a figure is the median.")
    ] = 3,
    count: Annotated[
        int, typer.Option(min=1, max=100_000, help="With how many `sleepers` is measured.")
    ] = COUNT,
    bursts: Annotated[
        list[int] | None,
        typer.Option("--burst", min=1, max=50_000, help=f"Bursts of how many; without, {SIZES}."),
    ] = None,
    mailchimp_ms: Annotated[
        int,
        typer.Option(min=0, max=5000, help="How long the sandbox's Mailchimp takes for a call."),
    ] = 0,
    workers: Annotated[
        list[int] | None,
        typer.Option(
            "--workers",
            min=1,
            max=16,
            help="Measure `burst` on several hosts instead, with so many Celery workers (Linux, as root).",
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain/--no-plain", help="Measure plain Airflow too (half an hour).")
    ] = True,
    commit: Annotated[
        str | None,
        typer.Option(
            "--beside",
            metavar="COMMIT",
            help="Measure that commit instead of plain Airflow, in turn.",
        ),
    ] = None,
    kept: Annotated[
        bool, typer.Option("--record", help="Keep the figures in docs/figures.json and the README.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all values to FILE too.")
    ] = None,
) -> None:
    """Measure the stack, and the same job on plain Airflow or another commit; fail if a figure cannot be measured."""
    names = chosen(figures or [])
    if workers and names != ("burst",):
        raise CommandError("with --workers only `burst` is measured")
    signal.signal(signal.SIGTERM, _interrupt)
    if workers:
        by_workers(workers, bursts, mailchimp_ms, repetitions, json_file)
        return
    at = lifecycle.layout()
    with Teller() as tell:
        if commit is None:
            results = run(
                at,
                names,
                repetitions=repetitions,
                count=count,
                burst_sizes=tuple(bursts or SIZES),
                mailchimp_seconds=mailchimp_ms / 1000,
                plain=plain,
                tell=tell,
            )
        elif lifecycle.running(at):
            raise CommandError(
                "two commits are measured in turn: stop the stack first (./ops down)"
            )
        else:
            options = [*names, f"--count={count}", f"--mailchimp-ms={mailchimp_ms}"]
            options += [f"--burst={size}" for size in bursts or []]
            results = beside.run(
                commit, options, repetitions=repetitions, folder=at.state / "bench", tell=tell
            )
    if json_file is not None:
        write(json_file, results)
    if kept:
        record.add(results, commit=beside.commit_of("HEAD"))
        record.main([])
    screen = Console(highlight=False)
    screen.print(table(results))
    if shown := profile(results):
        screen.print(shown)
    failed = failures(results)
    for figure, reason in failed.items():
        say(f"ops: {figure} could not be measured: {reason}")
    worse = [line.goal.label for line in lines(results) if commit and line.is_much_worse]
    if worse:
        say(f"ops: worse than {commit} by more than a third: {', '.join(worse)}")
    raise typer.Exit(1 if failed or worse else 0)


def by_workers(
    workers: list[int],
    sizes: list[int] | None,
    mailchimp_ms: int,
    repetitions: int,
    json_file: Path | None,
) -> None:
    """Measure bursts by the number of workers, and show them."""
    try:
        found = several_hosts.run(
            workers,
            sizes or several_hosts.SIZES,
            mailchimp_seconds=mailchimp_ms / 1000,
            repetitions=repetitions,
        )
    except BenchError as error:
        raise CommandError(str(error)) from None
    if json_file is not None:
        write(json_file, {"workers": found})
    Console(highlight=False).print(several_hosts.table(found, mailchimp_ms=mailchimp_ms))


def chosen(names: list[str]) -> tuple[str, ...]:
    """Return the figures to measure; raise CommandError naming those that there are."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise CommandError(f"no such figure: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    return tuple(name for name in FIGURES if name in names) or FIGURES


def write(path: Path, results: Results) -> None:
    """Write the results as JSON; raise CommandError where that is not possible."""
    try:
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
