"""What `./ops test` runs."""

from importlib.util import find_spec

import pytest

from include.errors import CommandError
from include.lab.commands.test import (
    CHECKS,
    FOLDERS,
    ON_THE_STACK,
    SIDE_BY_SIDE,
    STARTS,
    WITHOUT_A_STACK,
    existing,
    measured,
    sessions,
    split,
)
from include.lab.stack.layout import ROOT


def test_names_come_first_and_the_rest_is_pytests():
    """`./ops test unit store -k welcome`."""
    assert split(["unit", "store", "-k", "unit"]) == (["unit", "store"], ["-k", "unit"])


def test_without_names_all_is_pytests():
    """`./ops test -x`."""
    assert split(["-x"]) == ([], ["-x"])


def test_every_folder_of_tests_has_a_name():
    """A new folder is not forgotten by the full run."""
    on_disk = {
        f"tests/{path.name}"
        for path in (ROOT / "tests").iterdir()
        if path.is_dir() and any(path.rglob("test_*.py"))
    }

    assert on_disk <= {folder for folders in FOLDERS.values() for folder in folders}


def test_kind_without_tests_is_said(monkeypatch):
    """Nothing to run is not a success."""
    monkeypatch.setitem(FOLDERS, "moon", ("tests/moon",))

    with pytest.raises(CommandError, match="no moon tests yet"):
        existing(["moon"])


def test_what_needs_the_stack_has_the_machine_to_itself():
    """The other tests run side by side, and before."""
    assert sessions(["e2e", "unit"], []) == [
        ("junit", ["tests/unit", *SIDE_BY_SIDE]),
        ("junit-stack", ["tests/e2e"]),
    ]
    assert sessions(["store"], []) == [("junit", ["tests/store", *SIDE_BY_SIDE])]


def test_no_kind_of_tests_is_left_out():
    """A full run is all folders, each once; of production, that it starts."""
    ran = [folder for _, arguments in sessions(list(FOLDERS), []) for folder in arguments]

    whole = [folder for folder in existing(list(FOLDERS)) if folder not in FOLDERS["production"]]
    assert sorted(set(ran) - set(SIDE_BY_SIDE)) == sorted([*whole, *STARTS])
    assert all((ROOT / place).exists() for place in STARTS)


def test_production_by_name_is_all_of_it():
    """Its own tests, and the end-to-end tests on each of its forms."""
    assert sessions(["production"], []) == [
        ("junit-production", ["tests/production"]),
        ("junit-one-host", ["tests/e2e", "--form=one-host"]),
        ("junit-celery", ["tests/e2e", "--form=celery"]),
    ]


def test_what_pytest_is_told_holds_for_one_session():
    """`./ops test unit e2e -k welcome -x`: somebody looks for something, one test after the other."""
    names, rest = ["unit", "e2e"], ["-k", "welcome", "-x"]

    assert sessions(names, rest) == [("junit", ["tests/unit", "tests/e2e", *rest])]


@pytest.mark.parametrize("code_of", ["pytest", "report"])
def test_coverage_fails_with_a_test_and_where_too_few_branches_are_reached(monkeypatch, code_of):
    """Without a stack, all kinds of tests; what an earlier run has counted is not added."""
    ran = []

    def run(arguments):
        ran.append(arguments)
        return int(code_of in arguments)

    monkeypatch.setattr("include.lab.commands.test.run_module", run)

    assert measured(list(WITHOUT_A_STACK), []) == 1
    assert [arguments[1] for arguments in ran] == ["erase", "run", "combine", "report"]
    assert not {f"tests/{name}" for name in ON_THE_STACK}.intersection(ran[1])
    assert {f"tests/{name}" for name in WITHOUT_A_STACK} <= set(ran[1])


def test_every_check_is_a_module_that_is_there():
    """A check that cannot be found would be a check that never fails."""
    assert all(find_spec(check.arguments[0]) for check in CHECKS)
