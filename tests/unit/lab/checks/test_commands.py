"""Every command line of the documents is one that the real command line takes, options and all."""

import re

import pytest

from include.lab import cli as checkout
from include.lab.checks.documents import ROOT
from include.operate import cli as image
from tests.commands import Line, command_lines, refusal, variants

LINES = command_lines()


def test_documents_have_command_lines():
    """Those of the README, of runbooks, and for both places."""
    assert len(LINES) > 50
    assert {line.begin for line in LINES} == {"./ops", "docker compose run --rm ops"}
    assert {"README.md", "docs/runbooks/webhook_retry.md"} <= {line.place for line in LINES}


def test_readme_says_which_commands_work_where():
    """Its first table has those of the image, its second those that a checkout has besides; none is left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, everywhere, of_a_checkout = re.split(r"^\| command \| does \|$", text, flags=re.MULTILINE)

    def named(table):
        return {name for row in table.split("\n\n")[0].splitlines()
                for name in re.findall(r"\./ops ([a-z-]+)", row.split(" | ")[0])}  # fmt: skip

    assert named(everywhere) == {*image.COMMANDS}
    assert named(of_a_checkout) == {*checkout.OWN}


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
