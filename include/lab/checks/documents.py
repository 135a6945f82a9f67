"""Hold the documents against the repository: `python -m include.lab.checks.documents`.

- every link between documents leads to a file, and its `#anchor` to a heading of it;
- decisions have a number of their own, a title that begins with it, a status and the three heads, and
  `docs/architecture.md` leads to each;
- `docs/decisions/NNNN` named anywhere, in code too, is a decision that exists;
- every alert, of `include/alerts.yaml` and of the relay, has a runbook with the four heads;
- runbooks write commands for the host of a production, and lead to how they read elsewhere;
- every `./ops command` that a document tells people to type is one that `./ops --help` lists.

Prints one line per problem and ends with 1, or says what was checked.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from include.alerts.rules import RulesError, load
from include.lab.cli import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path(__file__).resolve().parents[3]
EXPECTED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "docs/architecture.md")
CODE = (
    "include/**/*.py",
    "dags/*.py",
    "plugins/*.py",
    "tests/**/*.py",
    "docker-compose.yaml",
    "Dockerfile",
)
DECISIONS = "docs/decisions"
HEADS = ("Context", "Decision", "Consequences")

RUNBOOKS = "docs/runbooks"
RUNBOOK_HEADS = ("Meaning", "First look", "Cure", "How to be sure")
HOST_COMMAND = "docker compose run --rm ops"
ELSEWHERE_LINK = "(README.md#commands)"
RELAYS_ALERTS = ("airflow_unreachable", "alert_rules_stopped")
"""What the relay raises itself, because it runs without Airflow."""

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")  # https:, mailto:
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *$", re.MULTILINE)
DECISION_FILE = re.compile(r"(?P<number>\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md")
STATUS = re.compile(r"^Status: (accepted|proposed|superseded by (?P<by>\d{4}))$", re.MULTILINE)
MENTION = re.compile(r"\bdocs/decisions/(?P<number>\d{4})\b")
COMMAND = re.compile(r"\./ops +(?P<name>[a-z][a-z-]*)")


def problems(root: Path, commands: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the documents under `root`, one line each."""
    documents = documents_of(root)
    yield from (f"{name}: is missing" for name in EXPECTED if not (root / name).is_file())
    for path in documents:
        yield from broken_links(root, path)
    yield from wrong_decisions(root)
    yield from unlisted_decisions(root)
    yield from unknown_decisions(root, documents)
    yield from wrong_runbooks(root)
    yield from misplaced_commands(root)
    for path in documents:
        if (
            path.parent.name != "decisions" and path.name != "CHANGELOG.md"
        ):  # those tell of their time
            yield from unknown_commands(root, path, commands)


def documents_of(root: Path) -> list[Path]:
    """Return the documents for people: those at the top and all under `docs/`."""
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])


def broken_links(root: Path, document: Path) -> Iterator[str]:
    """Yield the links of one document that lead nowhere."""
    prose = INLINE.sub("", FENCED.sub("", document.read_text(encoding="utf-8")))
    for link in LINK.finditer(prose):
        target, _, anchor = link["target"].partition("#")
        if ELSEWHERE.match(target):
            continue
        path = (document.parent / target).resolve() if target else document
        if not path.exists():
            yield f"{document.relative_to(root)}: no file {target}"
        elif anchor and anchor not in anchors(path):
            yield f"{document.relative_to(root)}: no heading #{anchor} in {target or 'this file'}"


def anchors(document: Path) -> set[str]:
    """Return what can stand behind `#`: each heading as GitHub writes it, doubled ones with a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.finditer(FENCED.sub("", document.read_text(encoding="utf-8"))):
        anchor = re.sub(r"[^\w\- ]", "", heading["text"].lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def wrong_decisions(root: Path) -> Iterator[str]:
    """Yield the decisions whose number, title, status or heads are not as they should be."""
    taken: dict[str, str] = {}
    for path in sorted((root / DECISIONS).iterdir()):
        name = f"{DECISIONS}/{path.name}"
        file = DECISION_FILE.fullmatch(path.name)
        if file is None:
            yield f"{name}: is not named NNNN-what-was-decided.md"
            continue
        number = file["number"]
        if number in taken:
            yield f"{name}: has the number of {taken[number]}"
        taken[number] = path.name
        yield from (f"{name}: {what}" for what in faults_of_decision(path, number))


def faults_of_decision(path: Path, number: str) -> Iterator[str]:
    """Yield what one decision lacks."""
    text = path.read_text(encoding="utf-8")
    if not re.match(rf"# {number} \S", text):
        yield f"does not begin with '# {number} ' and its title"
    status = STATUS.search(text)
    if status is None:
        yield "has no line 'Status: accepted', 'proposed' or 'superseded by NNNN'"
    elif status["by"] and not any(path.parent.glob(f"{status['by']}-*.md")):
        yield f"is superseded by {status['by']}, which is not there"
    for head in HEADS:
        if len(re.findall(rf"^## {head}$", text, re.MULTILINE)) != 1:
            yield f"does not have the head '## {head}' once"


def unlisted_decisions(root: Path) -> Iterator[str]:
    """Yield the decisions that the page with the list of them does not link to."""
    page = root / "docs" / "architecture.md"
    linked = page.read_text(encoding="utf-8") if page.is_file() else ""
    for path in sorted((root / DECISIONS).iterdir()):
        if f"(decisions/{path.name})" not in linked:
            yield f"{DECISIONS}/{path.name}: docs/architecture.md does not lead to it"


def unknown_decisions(root: Path, documents: list[Path]) -> Iterator[str]:
    """Yield where documents or code name a decision that does not exist."""
    for path in [*documents, *(file for pattern in CODE for file in sorted(root.glob(pattern)))]:
        for number in sorted(set(MENTION.findall(path.read_text(encoding="utf-8")))):
            if not any((root / DECISIONS).glob(f"{number}-*.md")):
                yield f"{path.relative_to(root)}: no decision {number}"


def wrong_runbooks(root: Path) -> Iterator[str]:
    """Yield the alerts without a runbook, and what the runbooks lack."""
    rules = root / "include" / "alerts.yaml"
    try:
        names = [rule.name for rule in load(rules)] if rules.is_file() else []
    except RulesError as error:
        yield str(error)
        return
    for name in (*names, *(RELAYS_ALERTS if names else ())):
        path = root / RUNBOOKS / f"{name}.md"
        if not path.is_file():
            yield f"{RUNBOOKS}/{name}.md: is missing; the alert {name} sends people there"
            continue
        text = path.read_text(encoding="utf-8")
        yield from (
            f"{RUNBOOKS}/{name}.md: does not say **{head}.**"
            for head in RUNBOOK_HEADS
            if f"**{head}.**" not in text
        )


def misplaced_commands(root: Path) -> Iterator[str]:
    """Yield the runbooks whose commands are of another place, or that do not lead to how they read elsewhere."""
    for path in sorted((root / RUNBOOKS).glob("*.md")):
        if path.name == "README.md":  # it has the table of all places
            continue
        name, text = f"{RUNBOOKS}/{path.name}", path.read_text(encoding="utf-8")
        if COMMAND.search(text):
            yield f"{name}: has a command with ./ops; on the host of a production it is {HOST_COMMAND}"
        if HOST_COMMAND in text and ELSEWHERE_LINK not in text:
            yield f"{name}: has commands and no link {ELSEWHERE_LINK} to how they read elsewhere"


def unknown_commands(root: Path, document: Path, commands: Collection[str]) -> Iterator[str]:
    """Yield the commands of `./ops` that a document names and that are not there."""
    named = set(COMMAND.findall(document.read_text(encoding="utf-8")))
    for name in sorted(named - set(commands)):
        yield f"{document.relative_to(root)}: ./ops has no command {name}"


def main() -> None:
    """Check this repository."""
    found = list(problems(ROOT, COMMANDS))
    if found:
        sys.exit("\n".join(found))
    sys.stdout.write(
        f"{len(documents_of(ROOT))} documents: links, decisions and commands are right\n"
    )


if __name__ == "__main__":
    main()
