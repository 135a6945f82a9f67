"""The command lines that documents tell people to type: collected, filled in, parsed with the real command line."""

import re
import shlex
from dataclasses import dataclass
from itertools import product

from typer.main import get_command

from include.lab import cli as checkout
from include.lab.checks.documents import FENCED, INLINE, ROOT, documents_of
from include.operate import cli as image

BEGINNING = re.compile(r"^(?P<begin>\./ops|docker compose run --rm ops)(?= |$)(?P<rest>.*)$")
OTHER = re.compile(r"(docker|kubectl|helm|git|cp|mv|echo|chmod|deploy/\S+\.sh)( |$)")
OF_THEIR_TIME = ("CHANGELOG.md", "docs/decisions/")
SAMPLES = {
    "EMAIL": "ada@example.org",
    "ID": "1",
    "FILE": "event.json",
    "SEED": "1",
    "CRON": "@daily",
    "TEXT": "a reason",
    "NAME": "Ada",
    "N": "3",
    "DATE": "2099-12-31T12:00:00Z",
    "VENDOR": "mailchimp",
    "RULE": "webhooks_silent",
    "URL": "https://hooks.example.org",
    "FINGERPRINT": "0123456789abcdef",
}
"""What stands for the words in capitals."""

READS = (
    ("status",),
    ("doctor",),
    ("timeline",),
    ("ticks",),
    ("dead-letters", "list"),
    ("dead-letters", "show"),
    ("deactivations", "list"),
    ("findings", "list"),
    ("vendors", "list"),
    ("alerts", "list"),
    ("alerts", "check"),
    ("alerts", "test"),
    ("alerts", "backtest"),
)


@dataclass(frozen=True)
class Line:
    """One command line of a document."""

    place: str
    text: str
    begin: str
    words: tuple[str, ...]

    @property
    def is_for_the_checkout(self):
        """Tell whether it is typed in a checkout."""
        return self.begin == "./ops"

    @property
    def reads_only(self):
        """Tell whether it changes nothing and tells nobody."""
        words = self.words[2:] if self.words[:1] == ("--at",) else self.words
        if words[:1] == ("reconcile",):
            return "--show" in words
        reads = any(words[: len(one)] == one for one in READS)
        return "--dry-run" in words or (reads and "--send-test" not in words)

    def filled(self, **samples):
        """Return the words, with those in capitals replaced."""
        known = {**SAMPLES, **samples}
        return [known.get(word, word) for word in self.words]


def command_lines(root=ROOT):
    """Return every command line of README, CONTRIBUTING and all of docs/, each of its variants once."""
    found = {}
    for path in documents_of(root):
        place = str(path.relative_to(root))
        if place.startswith(OF_THEIR_TIME):
            continue
        for text in _code_in(path.read_text(encoding="utf-8")):
            if match := BEGINNING.match(text):
                for words in variants(match["rest"]):
                    line = Line(place, text, match["begin"], tuple(words))
                    found.setdefault((line.begin, line.words), line)
    return list(found.values())


def other_lines(root=ROOT):
    """Return the lines that a person types and that are no command line of ours, with the page where each stands."""
    return {
        line: str(path.relative_to(root))
        for path in documents_of(root)
        for block in FENCED.findall(path.read_text(encoding="utf-8"))
        for line in map(str.strip, block.splitlines()[1:-1])
        if OTHER.match(line) and not BEGINNING.match(line)
    }


def _code_in(text):
    for block in FENCED.findall(text):
        yield from (line.strip() for line in block.splitlines()[1:-1])
    for span in INLINE.findall(FENCED.sub("", text)):
        yield span.strip("`").replace("\\|", "|")


def variants(text):
    """Yield the words of a line that a person can mean: with all that is in brackets, without, and each of `a|b`."""
    for one in dict.fromkeys(
        (re.sub(r"\[([^\]]*)\]", r"\1", text), re.sub(r"\[[^\]]*\]", "", text))
    ):
        words = [word.rstrip("…") for word in shlex.split(one, comments=True) if word.strip("….")]
        for chosen in product(*(word.split("|") for word in words)):
            if chosen:
                yield chosen


def refusal(line):
    """Return why the real command line does not take a line; None where it does."""
    app = checkout.make_app() if line.is_for_the_checkout else image.make_app()
    try:
        _parse(get_command(app), "ops", line.filled())
    except Exception as error:
        if not hasattr(error, "exit_code"):  # click's own: the line is wrong
            raise
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return None


def _parse(command, name, words, parent=None):
    """Have a command take its words, and those below it theirs, without doing anything."""
    if not hasattr(command, "commands"):
        command.make_context(name, list(words), parent=parent)
        return
    context = command.make_context(name, list(words), parent=parent)
    rest = [*context._protected_args, *context.args]
    below, child, rest = command.resolve_command(context, rest)
    _parse(child, below, rest, parent=context)
