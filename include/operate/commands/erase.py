"""`./ops erase EMAIL`: one member's personal data leaves our tables and Airflow's."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn

from include.clock import SystemClock
from include.operate.act import Actor, JsonOption, Why, acting
from include.operate.erasure import Erased, erase
from include.operate.terminal import say, say_json
from include.vendors.manifests import MANIFESTS

KEEPERS = [one.keeps_members_as for one in MANIFESTS.values() if one.keeps_members_as]
ELSEWHERE = (
    f"{', '.join(KEEPERS[:-1])} and {KEEPERS[-1]} keep copies of their own: erase her there too."
)


def command(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Her address.")],
    *,
    reason: Why,
    actor: Actor = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be redacted, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Redact one member's personal data in all tables, and search them for what is left."""
    with (
        acting(reason, actor) as (deployment, store, person),
        deployment.airflow_tables() as airflow,
        Progress(
            TextColumn("looking at events: {task.completed:,}"), console=Console(stderr=True)
        ) as bar,
    ):
        task = bar.add_task("", total=None)
        erased = erase(
            email,
            person=person,
            now=SystemClock().now(),
            store=store,
            airflow=airflow,
            dry_run=dry_run,
            tell=lambda scanned: bar.update(task, completed=scanned),
        )
    say_json(erased) if as_json else say(words(erased, dry_run=dry_run))


def words(erased: Erased, *, dry_run: bool) -> str:
    """Return what was done for people."""
    verb = "would be redacted" if dry_run else "redacted"
    lines = [f"{table}: {rows:,} {verb}" for table, rows in erased.rows.items() if rows]
    if not dry_run:
        lines += ["all tables were searched for her address: nothing is left", ELSEWHERE]
    return "\n".join(lines)
