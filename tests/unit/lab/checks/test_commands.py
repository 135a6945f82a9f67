"""Every command line of the documents is one that the real command line takes, options and all."""

import re

import pytest

from include.lab import cli as checkout
from include.lab.checks.documents import ROOT
from include.operate import cli as image
from tests.commands import Line, command_lines, other_lines, refusal, variants
from tests.production.one_host import test_typed_commands as on_one_host

LINES = command_lines()
TRIED_ELSEWHERE = {
    "init": "tests/jobs/test_init.py",
    "rotate": "tests/production/test_rotate.py",
    "up": "tests/e2e/test_lifecycle.py",
    "down": "tests/e2e/test_lifecycle.py",
    "demo": "tests/e2e/test_demo.py",
    "bench": "tests/e2e/test_bench.py",
    "new": "tests/unit/lab/test_new.py",
}
"""They are about a folder's files, or a checkout's own stack, so there is nothing to run on a production's host."""
MAKES_FOR_US = {
    "test": "runs all of these tests",
    "pictures": "takes pictures of the local stack in a browser: tests/browser drives the same pages",
    "lock": "asks a registry; tests/unit/test_image.py holds both locks against each other",
}
FORM = "tests/production/forms.py"
TYPED_BESIDE = {
    "docker compose up --build --detach": FORM,
    "docker compose --env-file .env --env-file deploy/sandbox.env --profile sandbox up --build --detach": FORM,
    "echo COMPOSE_FILE=docker-compose.yaml:deploy/compose.celery.yaml >> .env": FORM,
    "docker compose up --build --detach --scale worker=4": "tests/production/workers.py",
}
"""Lines of another program, and what does what they say; those of docs/operations are run by a shell as they stand."""


def test_documents_have_command_lines():
    """Those of the README, of runbooks, and for both places."""
    assert len(LINES) > 50
    assert {line.begin for line in LINES} == {"./ops", "docker compose run --rm ops"}
    assert {"README.md", "docs/runbooks/README.md"} <= {line.place for line in LINES}


def test_readme_says_which_commands_work_where():
    """Its first table has those of the image, its second those that a checkout has besides; none is left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, everywhere, of_a_checkout = re.split(r"^\| command \| does \|$", text, flags=re.MULTILINE)

    def named(table):
        return {name for row in table.split("\n\n")[0].splitlines()
                for name in re.findall(r"\./ops ([a-z-]+)", row.split(" | ")[0])}  # fmt: skip

    assert named(everywhere) == {*image.COMMANDS}
    assert named(of_a_checkout) == {*checkout.OWN}


def test_every_line_is_run_on_one_host_or_said_why_not():
    """A command that comes later, or a line that a page gets, is not passed over in silence."""
    first = {line: on_one_host.words_of(line)[0] for line in LINES}
    run = {line.words for line in on_one_host.LINES.values()}
    left_out = {first[line] for line in LINES if line.words not in run}

    assert len(run) > 60
    assert left_out == {*TRIED_ELSEWHERE, *MAKES_FOR_US}
    for command, file in TRIED_ELSEWHERE.items():
        assert re.search(rf"\b{command}\b", (ROOT / file).read_text(encoding="utf-8"))


def test_every_other_line_that_is_typed_is_tried():
    """Those of docs/operations by tests/production/test_operations.py, the others where it says."""
    beside = {line: page for line, page in other_lines().items() if "docs/operations/" not in page}

    assert {*beside} == {*TYPED_BESIDE}
    assert len(other_lines()) > len(beside)
    assert all((ROOT / file).is_file() for file in TYPED_BESIDE.values())


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.place}: {' '.join(line.words)}")
def test_line_is_taken(line):
    """A person who types it does not read a usage text."""
    assert refusal(line) is None


@pytest.mark.parametrize(
    "words",
    [
        ("timelime", "1"),
        ("timeline",),
        ("timeline", "1", "--jsn"),
        ("dead-letters", "replay", "one"),
        ("deactivations", "cancel", "1"),
        ("deactivations",),
        ("ticks", "--hours", "0"),
    ],
)
def test_wrong_line_is_refused(words):
    """Whatever of it is wrong: command, argument, option, or a reason that is missing."""
    assert refusal(Line("a test", "", "docker compose run --rm ops", words)) is not None


def test_line_of_a_checkout_is_not_for_a_container():
    """There is no stack to start there."""
    assert refusal(Line("a test", "", "./ops", ("up",))) is None
    assert refusal(Line("a test", "", "docker compose run --rm ops", ("up",))) is not None


def test_each_variant_is_looked_at():
    """What is in brackets may be there or not, and each word between bars is one."""
    assert sorted(variants("send stripe|clerk FILE [--count N] …")) == [
        ("send", "clerk", "FILE"),
        ("send", "clerk", "FILE", "--count", "N"),
        ("send", "stripe", "FILE"),
        ("send", "stripe", "FILE", "--count", "N"),
    ]
