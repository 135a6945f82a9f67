"""Hold the imports against the rules in `pyproject.toml`: `python -m include.lab.checks.imports`.

The package's own `importlinter.cli` does nothing when it is run as a module: it only defines its commands.
"""

from __future__ import annotations

from importlinter.cli import lint_imports_command

if __name__ == "__main__":
    lint_imports_command(["--no-cache"])
