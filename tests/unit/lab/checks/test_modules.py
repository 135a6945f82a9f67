"""The check of the modules finds what it is there to find."""

from pathlib import Path

import pytest

from include.lab.checks.modules import MAX_LINES, problems

ROOT = Path(__file__).parents[4]


@pytest.fixture
def tree(tmp_path):
    """Return a function that writes modules and returns what the check says of them."""

    def checked(modules, **allowed):
        for name, text in modules.items():
            path = tmp_path / "include" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return list(problems(tmp_path, **allowed))

    return checked


def test_this_repository_is_right():
    """The modules of this checkout."""
    assert list(problems(ROOT)) == []


def test_two_classes_of_a_name_are_found(tree):
    """Each name is told once, with the modules."""
    found = tree(
        {
            "jobs/one.py": "class Result:\n    pass\n\n\nclass Other:\n    pass\n",
            "store/two.py": "if True:\n\n    class Result:\n        pass\n",
            "store/three.py": "from include.jobs.one import Result\n",
        }
    )

    assert found == [
        "Result: stands for several things, in include/jobs/one.py, include/store/two.py"
    ]


@pytest.mark.parametrize(
    "other", ["class Kind:\n    pass\n", "Kind = int | None\n", "Kind: object = int | None\n"]
)
def test_type_of_the_same_name_is_found(tree, other):
    """A type stands for something as a class does."""
    found = tree({"one.py": "Kind = str | None\n", "two.py": other})

    assert found == ["Kind: stands for several things, in include/one.py, include/two.py"]


def test_types_written_alike_are_one_thing(tree):
    """So are type variables, constants and functions of the same name, which are no classes."""
    text = "Json = dict[str, int]\nItem = TypeVar('Item')\nMAX = 3\n\n\ndef read():\n    pass\n"

    assert tree({"one.py": text, "two.py": text.replace("Item')", "Item', bound=int)")}) == []


def test_name_that_is_allowed_passes_and_must_be_needed(tree):
    """Who allows what is not there is told."""
    modules = dict.fromkeys(("one.py", "two.py"), "class Result:\n    pass\n")

    found = tree(modules, shared_names={"Result": "two vendors call it so", "Gone": "was so once"})

    assert found == ["Gone: is allowed to stand for several things and does not"]


def test_module_that_is_too_long_is_found(tree):
    """The last line that is allowed is allowed."""
    found = tree({"long.py": "\n" * (MAX_LINES + 1), "just.py": "\n" * MAX_LINES})

    assert found == [f"include/long.py: has {MAX_LINES + 1} lines, more than {MAX_LINES}"]


def test_module_that_may_be_long_must_be_long(tree):
    """An exception goes with its reason."""
    modules = {"long.py": "\n" * (MAX_LINES + 1), "short.py": "\n"}
    reasons = {"include/long.py": "a table", "include/short.py": "was one", "include/gone.py": "-"}

    assert tree(modules, long_modules=reasons) == [
        "include/gone.py: is allowed to be long and is not",
        "include/short.py: is allowed to be long and is not",
    ]


def test_tree_without_modules_is_wrong(tree):
    """A check that looks at nothing finds nothing."""
    assert tree({}) == ["include: has no modules"]
