"""A person who decides by hand, and why: what every such act asks for, whatever it is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from include.errors import ADDRESS, ActRefusedError

SECRET = re.compile(
    r"(?i)(?:sk|rk|pk)_(?:live|test)_\w|whsec_\w|xox[a-z]-\w|-----BEGIN|\bBearer\s+\S|\b[0-9a-f]{32}\b(?:-us\d+)?"
    r"|\beyJ[\w-]{8,}\.|(?:pass(?:word|wd)?|secret|token|api[_ -]?key)\s*[:=]\s*\S|://[^\s/:@]+:[^\s/@]+@"
)
"""What is like a secret: vendors' keys, tokens, passwords with their name, addresses with a password."""
MAX_NAME, MAX_REASON = 80, 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who, as the audit log names her, and why; made by `person_from`."""

    actor: str
    why: str


def person_from(name: str, why: str) -> Person:
    """Return the person of that name with her reason; raise ActRefusedError where one is missing.

    Both are kept for years, where no e-mail address may be.
    """
    return Person(
        actor="user:" + _line(name, "the name of who decides", MAX_NAME),
        why=_line(why, "the reason", MAX_REASON),
    )


def _line(text: str, what: str, longest: int) -> str:
    """Return a text as one line that can be kept."""
    line = " ".join(text.replace("\0", " ").split())
    if not line:
        raise ActRefusedError(f"{what} is missing")
    if len(line) > longest:
        raise ActRefusedError(f"{what} has more than {longest} characters")
    if ADDRESS.search(line):
        raise ActRefusedError(f"{what} must not hold an e-mail address: the audit log keeps none")
    if SECRET.search(line):
        raise ActRefusedError(f"{what} must not hold a secret, or something like one")
    return line
