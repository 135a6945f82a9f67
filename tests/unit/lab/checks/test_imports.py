"""Who may import whom is checked, and the check can fail."""

import os
import shutil
import subprocess
import sys

import pytest

from include.lab.checks.documents import ROOT


def checked(root):
    """Run the check on the code in `root`."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "include.lab.checks.imports"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    """Copy what the rules are about."""
    leave_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "include", tmp_path / "include", ignore=leave_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_are_as_the_rules_say():
    """This repository keeps them."""
    done = checked(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("operate/health.py", "import include.lab.stack.stack\n"),
        ("operate/health.py", "import subprocess\n"),
        ("relay/health.py", "import include.jobs.reconciliation\n"),
        ("lab/sandbox/clock.py", "import include.operate.health\n"),
        ("unheard_of.py", ""),
    ],
)
def test_import_against_the_rules_fails(copy, module, line):
    """So does a module that is in no layer."""
    with (copy / "include" / module).open("a") as file:
        file.write(line)

    assert checked(copy).returncode == 1
