"""`./ops new`: what a job or a vendor needs, written as a start that passes all checks and tests."""

from __future__ import annotations

from typing import Annotated

import typer

from include.lab.checks import dag_docs
from include.lab.scaffold.write import new_job, new_vendor
from include.lab.stack.layout import ROOT
from include.operate.terminal import say

GUIDE = "CONTRIBUTING.md says what comes next"

app = typer.Typer(no_args_is_help=True, help="Write a job or a vendor as a start that works.")


@app.command()
def job(
    name: Annotated[str, typer.Argument(help="Subject and action, like coupon_expiry.")],
    schedule: Annotated[str, typer.Option(help="A cron line, in UTC.")] = "0 6 * * *",
) -> None:
    """Write a job with a clock: DAG, job, statements, tests, scenarios for reruns, runbook, documents."""
    written = new_job(name, schedule=schedule, root=ROOT)
    dag_docs.main([])
    _tell([*written, "docs/dags.md"])
    say(f"ops: try it: ./ops test jobs -k {name}, and ./ops test dags -k {name}; {GUIDE}")


@app.command()
def vendor(
    name: Annotated[str, typer.Argument(help="What it is called in code, like eventbrite.")],
) -> None:
    """Write a vendor: client, sandbox, contract and its tests, connection, what the doctor asks."""
    _tell(new_vendor(name, root=ROOT))
    say(f"ops: try it: ./ops test contract -k {name}; {GUIDE}")


def _tell(written: list[str]) -> None:
    for file in written:
        say(f"  {file}")
