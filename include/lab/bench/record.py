"""What was measured, kept with its commit, machine and date: `docs/figures.json`, and the README's table made of it.

`python -m include.lab.bench.record [--check]` writes the table anew; with `--check` a difference ends with 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.lab.bench.report import GOALS, lines, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lab.bench.report import Goal, Results

ROOT = Path(__file__).resolve().parents[3]
FILE: Final = ROOT / "docs" / "figures.json"
README: Final = ROOT / "README.md"
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->"

Record = dict[str, Any]


def add(results: Results, *, commit: str, file: Path = FILE) -> None:
    """Keep the figures of one bench as the newest record."""
    record: Record = {
        "commit": commit,
        "machine": results["machine"],
        "figures": {line.goal.label: line.ours for line in lines(results)},
    }
    text = json.dumps([*read(file), record], indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def read(file: Path = FILE) -> list[Record]:
    """Return all records, the oldest first."""
    records: list[Record] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return records


def table(records: Sequence[Record]) -> str:
    """Return the newest value of each figure in Markdown; what misses its goal is bold."""
    rows = [_row(goal, record) for goal in GOALS if (record := _newest(goal, records))]
    machines = sorted({_machine(record) for record in records})
    return "\n".join(
        [
            f"Measured by `./ops bench --record` on {'; '.join(machines)}. In bold what misses its goal.",
            "",
            "| figure | measured | goal | when, at which commit |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main(arguments: list[str], *, file: Path = FILE, readme: Path = README) -> int:
    """Write the README's table, or with `--check` compare it; return the exit code."""
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest[rest.index(END) :]
    page = f"{before}{BEGIN}{table(read(file))}{after}"
    if "--check" not in arguments:
        readme.write_text(page, encoding="utf-8")
    elif page != text:
        sys.stderr.write(
            "README's figures are not docs/figures.json's: python -m include.lab.bench.record\n"
        )
        return 1
    return 0


def _newest(goal: Goal, records: Sequence[Record]) -> Record | None:
    return next((one for one in reversed(records) if goal.label in one["figures"]), None)


def _row(goal: Goal, record: Record) -> str:
    value = record["figures"][goal.label]
    measured = number(value, goal.unit)
    bold = "" if goal.is_reached(value) else "**"
    bound = "at least " if goal.at_least else ""
    when = f"{record['machine']['at'][:10]}, {record['commit']}"
    return f"| {goal.words} | {bold}{measured}{bold} | {bound}{number(goal.goal, goal.unit)} | {when} |"


def _machine(record: Record) -> str:
    machine = record["machine"]
    python = ".".join(machine["python"].split(".")[:2])
    return f"{machine['cores']} cores ({machine['cpu']}), Python {python}, Airflow {machine['airflow']}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
