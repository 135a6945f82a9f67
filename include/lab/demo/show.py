"""A story's report on the terminal: one block each, readable without colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from include.lab.demo.play import ScenarioReport


def show(report: ScenarioReport, console: Console) -> None:
    """Print what happened when, the links, and the checks that failed."""
    for line in lines_of(report):
        console.print(line, soft_wrap=True)


def lines_of(report: ScenarioReport) -> Iterator[Text]:
    """Yield the block's lines; seconds count from the sending of the delivery's first webhook."""
    verdict = Text("ok    ", style="bold green") if report.ok else Text("FAILED", style="bold red")
    title = Text(report.title, style="bold")
    yield Text.assemble("\n", verdict, "  ", title, f"  {report.seconds:.2f} s")
    for delivery in report.deliveries:
        yield Text(f"        {delivery.title}: {delivery.seconds:.2f} s", style="italic")
        for moment in delivery.moments:
            yield Text(f"        {moment.at - delivery.sent_at:8.3f}  {moment.what}")
    for name, address in report.links.items():
        yield Text(f"        {name}: {address}", style="dim")
    for problem in report.problems:
        yield Text(f"        check failed: {problem}", style="red")


def closing(reports: Iterable[ScenarioReport]) -> Text:
    """Return the last line: how many stories ended as they should."""
    verdicts = [report.ok for report in reports]
    style = "bold green" if all(verdicts) else "bold red"
    return Text(f"\n{sum(verdicts)} of {len(verdicts)} stories ended as they should", style=style)
