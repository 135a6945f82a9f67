"""What `./ops new` writes passes the checks and its own tests as it is, in a copy of this repository.

With --long the import rules too, and every task is cleared, failed and killed.
"""

import os
import shutil
import subprocess
import sys

import pytest

from tests.airflow_task import ROOT

pytestmark = pytest.mark.timeout(900)
NOT_COPIED = shutil.ignore_patterns(".*_cache", ".git", ".ops", ".hypothesis", "__pycache__")
JOB, VENDOR = "coupon_expiry", "eventbrite"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Give a copy in which a job and a vendor have been made, and a way to run Python there."""
    root = tmp_path_factory.mktemp("new") / "copy"
    shutil.copytree(ROOT, root, ignore=NOT_COPIED)
    environment = {**os.environ, "PYTHONPATH": str(root), "AIRFLOW__CORE__DAGS_FOLDER": ""}

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=root,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    files = run("include.lab", "new", "job", JOB, "--schedule", "30 4 * * 1")
    files += run("include.lab", "new", "vendor", VENDOR)
    run.written = [line.strip() for line in files.splitlines() if line.startswith("  ")]
    return run


def test_what_is_written_passes_the_checks(copy):
    """Style, types, spelling, links, and the page made from the DAGs' docstrings."""
    code = [file for file in copy.written if file.endswith(".py")]
    typed = [file for file in code if not file.startswith("tests/")]

    assert len(typed) > 6
    copy("ruff", "check", *code)
    copy("ruff", "format", "--check", *code)
    copy("mypy", *typed)
    copy("codespell_lib", *copy.written)
    copy("include.lab.checks.dag_docs", "--check")
    copy("include.lab.checks.documents")
    copy("include.lab.checks.modules")


def test_what_is_written_passes_its_tests(copy, request):
    """The job's, the DAG's, the vendor's, and those that go over all DAGs."""
    own = [
        file for file in copy.written if "/test_" in file and file != "tests/dags/test_policies.py"
    ]

    said = copy("pytest", "-q", "-p", "no:cacheprovider", *own)
    said += copy("pytest", "-q", "-p", "no:cacheprovider", "tests/dags/test_policies.py", "-k", JOB)

    assert len(own) == 3
    assert said.count(" passed") == 2, said
    if request.config.getoption("--long"):
        copy("include.lab.checks.imports")
        copy("pytest", "-q", "-p", "no:cacheprovider", "tests/dags/rerun", "-k", JOB)
