"""Make `docs/dags.md` from the DAG files' docstrings: `python -m include.lab.checks.dag_docs [--check]`.

With `--check` nothing is written, and a difference ends with 1. The files are read, not executed.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "dags"
TARGET = ROOT / "docs" / "dags.md"
INTRODUCTION = """# The DAGs

Made from the docstrings in `dags/` by `python -m include.lab.checks.dag_docs`; the Airflow UI shows the same text.
"""


def document() -> str:
    """Return the page: a chapter per DAG, with its tasks in the order of the file."""
    chapters = [_chapter(path) for path in sorted(SOURCE.glob("*.py"))]
    return "\n".join([INTRODUCTION, *chapters])


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` compare it; return the exit code."""
    page = document()
    if "--check" not in arguments:
        TARGET.write_text(page, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == page:
        return 0
    sys.stderr.write(
        "docs/dags.md is not what the DAGs say: python -m include.lab.checks.dag_docs\n"
    )
    return 1


def _chapter(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tasks = [f"- `{name}`: {doc}" for name, doc in _tasks(tree)]
    return "\n".join(
        [f"## {path.stem}", "", ast.get_docstring(tree) or "", "", "Tasks:", "", *tasks, ""]
    )


def _tasks(tree: ast.Module) -> list[tuple[str, str]]:
    """Return the tasks of a file: the decorated functions inside the DAG's, with their docstrings."""
    return [
        (inner.name, ast.get_docstring(inner) or "")
        for outer in tree.body
        if isinstance(outer, ast.FunctionDef)
        for inner in outer.body
        if isinstance(inner, ast.FunctionDef) and inner.decorator_list
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
