"""`./ops test`: the checks and the tests."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from include.errors import CommandError
from include.lab.shell import inherited_environment
from include.lab.stack.layout import ROOT, Layout
from include.operate.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTEXT = {"ignore_unknown_options": True}  # they are pytest's

# In the order in which a mistake is found soonest.
FOLDERS = {
    "unit": ("tests/unit",),
    "dags": ("tests/dags", "tests/plugins"),
    "store": ("tests/store",),
    "jobs": ("tests/jobs",),
    "contract": ("tests/contract",),
    "simulate": ("tests/simulate",),
    "e2e": ("tests/e2e",),
    "browser": ("tests/browser",),
    "faults": ("tests/faults",),
    "production": ("tests/production",),
}
ON_THE_STACK = ("e2e", "browser", "faults")  # what leaves most behind comes last
"""One stack for all of them, and times that are looked at: one test after the other, alone on the machine."""
WITHOUT_A_STACK = ("unit", "dags", "store", "jobs", "contract", "simulate")
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")
"""The others wait for processes of their own as often as they compute. A process does a whole file: what its tests
share is made once."""
STARTS = ("tests/production/test_containers.py", "tests/production/one_host")
"""What a full run tries of production: one host starts and does its work, and each command line of a document does what
it says there. By name, all of it is tried."""
FORMS = ("one-host", "celery")
"""The forms of production, on each of which `./ops test production` runs the end-to-end tests too."""
UNMEASURED = (
    "include/lab/*",  # our own tools
    "plugins/*",  # what only Airflow's processes on a stack load, which end-to-end tests reach
    "include/console/airflow_*.py",
    "include/airflow_host/celery_config.py",
    "include/airflow_host/fork_client.py",  # bare Python, without anything that could count
)
MEASURED = (
    f"--source={','.join(str(ROOT / one) for one in ('dags', 'include', 'plugins'))}",
    f"--omit={','.join(str(ROOT / one) for one in UNMEASURED)}",
)
"""Whole paths: a process that a test starts elsewhere counts too."""


@dataclass(frozen=True)
class CodeCheck:
    """A tool that reads the code; `arguments` are of `python -m`."""

    name: str
    arguments: tuple[str, ...]


CHECKS = (
    CodeCheck("ruff check", ("ruff", "check")),
    CodeCheck("ruff format", ("ruff", "format", "--check")),
    CodeCheck("mypy", ("mypy",)),
    CodeCheck("import rules", ("include.lab.checks.imports",)),
    CodeCheck("modules", ("include.lab.checks.modules",)),
    CodeCheck("spelling", ("codespell_lib",)),
    CodeCheck("dags.md", ("include.lab.checks.dag_docs", "--check")),
    CodeCheck("documents", ("include.lab.checks.documents",)),
    CodeCheck("figures", ("include.lab.bench.record", "--check")),
)


def command(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar=f"[{'|'.join(FOLDERS)}]... [PYTEST ARGUMENTS]..."),
    ] = None,
    *,
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage",
            help="Count which branches of the product are reached without a stack; fail where too few are.",
        ),
    ] = False,
) -> None:
    """Run the tests; without a name the checks and then all tests."""
    names, rest = split(arguments or [])
    if coverage:
        raise typer.Exit(measured(names or list(WITHOUT_A_STACK), rest))
    if not names and not rest:
        run_checks()
    state = Layout().state
    state.mkdir(exist_ok=True)
    codes = [
        run_module(["pytest", f"--junitxml={state / report}.xml", *arguments])
        for report, arguments in sessions(names or list(FOLDERS), rest)
    ]
    raise typer.Exit(max(codes))


def sessions(names: Sequence[str], rest: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return pytest's sessions for these kinds of tests: the name of each one's report, and its arguments.

    What has arguments of its own is one session, one test after the other: somebody looks for something.
    """
    folders = existing(names)
    if rest:
        return [("junit", [*folders, *rest])]
    alone = [folder for name in ON_THE_STACK for folder in FOLDERS[name] if folder in folders]
    production = [folder for folder in FOLDERS["production"] if folder in folders]
    others = [folder for folder in folders if folder not in (*alone, *production)]
    parts = [("junit", others, SIDE_BY_SIDE), ("junit-stack", alone, ())]
    if production and set(names) == set(FOLDERS):
        parts.append(("junit-production", list(STARTS), ()))
    elif production:
        parts.append(("junit-production", production, ()))
        parts += [(f"junit-{form}", [*FOLDERS["e2e"]], (f"--form={form}",)) for form in FORMS]
    return [(report, [*part, *options]) for report, part, options in parts if part]


def measured(names: Sequence[str], rest: Sequence[str]) -> int:
    """Run these kinds of tests and report which branches were reached; pyproject.toml says of what, and how many."""
    Layout().state.mkdir(exist_ok=True)
    run_module(["coverage", "erase"])
    run = ["coverage", "run", f"--data-file={ROOT}/.ops/coverage", *MEASURED]
    codes = [
        run_module([*run, "-m", "pytest", *arguments]) for _, arguments in sessions(names, rest)
    ]
    run_module(["coverage", "combine", "--quiet"])
    return max(*codes, run_module(["coverage", "report"]))


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the names of kinds of tests, which come first, from what is pytest's."""
    names: list[str] = []
    for position, argument in enumerate(arguments):
        if argument not in FOLDERS:
            return names, list(arguments[position:])
        names.append(argument)
    return names, []


def existing(names: Sequence[str]) -> list[str]:
    """Return the folders of these kinds; raise CommandError for a kind that has no test yet."""
    folders = []
    for name in names:
        found = [folder for folder in FOLDERS[name] if (ROOT / folder).is_dir()]
        if not found and len(names) < len(FOLDERS):
            raise CommandError(f"there are no {name} tests yet")
        folders += found
    return folders


def run_checks() -> None:
    """Run every check, tell which fail, and end there if any does."""
    failed = [check.name for check in CHECKS if _reported(check)]
    if failed:
        raise CommandError(f"failed: {', '.join(failed)}; the tests were not run")


def _reported(check: CodeCheck) -> int:
    say(f"ops: {check.name}")
    return run_module(list(check.arguments))


def run_module(arguments: Sequence[str]) -> int:
    """Run a module in the checkout, where all tools find their settings."""
    environment = {**inherited_environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-P", "-m", *arguments], cwd=ROOT, env=environment, check=False
    )
    return done.returncode
