"""The check of the documents finds what it is there to find."""

from pathlib import Path

import pytest

from include.lab.checks.documents import EXPECTED, problems
from include.lab.cli import COMMANDS

ROOT = Path(__file__).parents[4]
DECISION = """# 0001 The inbox is the queue

Status: accepted

## Context

## Decision

## Consequences
"""
ANOTHER = DECISION.replace("# 0001", "# 0002")


class Repository:
    """A small repository whose documents are right, until a test changes one."""

    def __init__(self, root):
        self.root = root
        for name in EXPECTED:
            self.write(name, f"# {name}\n")
        self.list_decisions("0001-the-inbox-is-the-queue.md")
        self.write("docs/decisions/0001-the-inbox-is-the-queue.md", DECISION)

    def write(self, name, text):
        """Make or replace one file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def list_decisions(self, *names, text=""):
        """Write the page that leads to the decisions."""
        links = "".join(f"[x](decisions/{name}) " for name in names)
        self.write("docs/architecture.md", f"# Architecture\n{text}\n{links}\n")

    def problems(self):
        """Return what the check says, with two commands known."""
        return list(problems(self.root, {"demo", "test"}))


@pytest.fixture
def repository(tmp_path):
    """Return a repository with nothing wrong in it."""
    return Repository(tmp_path)


def test_this_repository_is_right():
    """The documents of this checkout."""
    assert list(problems(ROOT, COMMANDS)) == []


def test_what_is_right_is_left_alone(repository):
    """Links to files, to headings, to elsewhere; what stands in code is no link."""
    repository.write(
        "README.md",
        "# Ops\n## Two commands, `demo` & test\n[up](#two-commands-demo--test) [a](docs/architecture.md)\n"
        "[web](https://example.org/x) [post](mailto:a@example.org) `[no](link)`\n"
        "```\n[no](link)\n```\n`./ops demo`, `./ops test unit`, `./ops --help`\n",
    )
    repository.list_decisions(
        "0001-the-inbox-is-the-queue.md", text="[back](../README.md#ops), docs/decisions/0001"
    )

    assert repository.problems() == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](docs/missing.md)", "README.md: no file docs/missing.md"),
        ("![a](docs/images/missing.png)", "README.md: no file docs/images/missing.png"),
        ("[a](docs/architecture.md#b)", "README.md: no heading #b in docs/architecture.md"),
        ("# A\n[a](#b)", "README.md: no heading #b in this file"),
        ("see docs/decisions/0007", "README.md: no decision 0007"),
        ("type `./ops launch`", "README.md: ./ops has no command launch"),
        ("```\n./ops  fly --away\n```", "README.md: ./ops has no command fly"),
    ],
)
def test_a_readme_that_misleads_is_found(repository, text, problem):
    """Each way in which a document can send its reader nowhere."""
    repository.write("README.md", text)

    assert repository.problems() == [problem]


def test_the_second_of_two_equal_headings_has_a_number(repository):
    """As GitHub counts them."""
    repository.write("README.md", "# A\n## Same\n## Same\n[x](#same) [x](#same-1) [x](#same-2)\n")

    assert repository.problems() == ["README.md: no heading #same-2 in this file"]


def test_a_missing_document_is_found(repository):
    """A check over no documents would always pass."""
    (repository.root / "CHANGELOG.md").unlink()

    assert repository.problems() == ["CHANGELOG.md: is missing"]


def test_the_changelog_may_tell_of_commands_that_are_gone(repository):
    """History is not rewritten when a command is renamed."""
    repository.write("CHANGELOG.md", "`./ops launch` is now `./ops demo`\n")

    assert repository.problems() == []


def test_code_that_names_an_unknown_decision_is_found(repository):
    """Comments point to decisions too."""
    repository.write(
        "include/airflow_host/executor.py", '"""Measured in `docs/decisions/0009`."""\n'
    )

    assert repository.problems() == ["include/airflow_host/executor.py: no decision 0009"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ANOTHER.replace("# 0002", "# 0003"), "does not begin with '# 0002 ' and its title"),
        (ANOTHER.replace("Status: accepted", "Status: maybe"), "has no line 'Status: accepted'"),
        (
            ANOTHER.replace("accepted", "superseded by 0009"),
            "is superseded by 0009, which is not there",
        ),
        (
            ANOTHER.replace("## Context", "## Background"),
            "does not have the head '## Context' once",
        ),
        (ANOTHER.replace("## Decision", ""), "does not have the head '## Decision' once"),
        (ANOTHER + "\n## Consequences\n", "does not have the head '## Consequences' once"),
    ],
)
def test_a_decision_without_its_parts_is_found(repository, text, problem):
    """Number in the title, status, and three heads, each once."""
    name = "docs/decisions/0002-another.md"
    repository.list_decisions("0001-the-inbox-is-the-queue.md", "0002-another.md")
    repository.write(name, text)

    (found,) = repository.problems()
    assert found.startswith(f"{name}: {problem}")


def test_two_decisions_with_one_number_are_found(repository):
    """A number names one decision, for ever."""
    repository.write("docs/decisions/0001-the-zebra.md", DECISION)
    repository.list_decisions("0001-the-inbox-is-the-queue.md", "0001-the-zebra.md")

    assert repository.problems() == [
        "docs/decisions/0001-the-zebra.md: has the number of 0001-the-inbox-is-the-queue.md"
    ]


def test_a_decision_without_a_number_is_found(repository):
    """Nothing else is kept in that folder."""
    repository.write("docs/decisions/notes.md", "")
    repository.list_decisions("0001-the-inbox-is-the-queue.md", "notes.md")

    assert repository.problems() == [
        "docs/decisions/notes.md: is not named NNNN-what-was-decided.md"
    ]


def test_a_decision_that_nothing_leads_to_is_found(repository):
    """A decision that cannot be found from the page of all was not written down."""
    repository.write("docs/decisions/0002-another.md", ANOTHER)

    assert repository.problems() == [
        "docs/decisions/0002-another.md: docs/architecture.md does not lead to it"
    ]


RULES = """alerts:
  - {name: too_late, condition: dlq_count > 3, window: 5m, severity: low, notify: [{slack: "#a"}]}
"""
RUNBOOK = "# x\n\n**Meaning.** a\n\n**First look.** b\n\n**Cure.** c\n\n**How to be sure.** d\n"


def test_alert_without_a_runbook_is_found(repository):
    """A message sends people there: the rules' alerts and the relay's own."""
    repository.write("include/alerts.yaml", RULES)
    for name in ("alert_rules_stopped", "too_late"):
        repository.write(f"docs/runbooks/{name}.md", RUNBOOK)

    assert repository.problems() == [
        "docs/runbooks/airflow_unreachable.md: is missing; the alert airflow_unreachable sends people there"
    ]


def test_runbook_that_leaves_something_out_is_found(repository):
    """All four heads, each time."""
    repository.write("include/alerts.yaml", RULES)
    for name in ("alert_rules_stopped", "airflow_unreachable", "too_late"):
        repository.write(f"docs/runbooks/{name}.md", RUNBOOK)
    repository.write("docs/runbooks/too_late.md", RUNBOOK.replace("**Cure.**", "Cure:"))

    assert repository.problems() == ["docs/runbooks/too_late.md: does not say **Cure.**"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`./ops demo`", "has a command with ./ops; on the host"),
        ("`docker compose run --rm ops status`", "has commands and no link (README.md#commands)"),
        ("`docker compose run --rm ops status`, [elsewhere](README.md#commands)", None),
        ("The log says why.", None),
    ],
)
def test_command_of_a_runbook_is_for_the_host_and_leads_to_the_other_places(
    repository, text, problem
):
    """Who is called at night types what stands there, or finds in one step how it reads where she is."""
    repository.write("docs/runbooks/README.md", "# Runbooks\n\n## Commands\n\n`./ops demo`\n")
    repository.write("docs/runbooks/a_job.md", f"{text}\n")

    found = repository.problems()

    assert len(found) == (1 if problem else 0)
    assert all(one.startswith(f"docs/runbooks/a_job.md: {problem}") for one in found)
