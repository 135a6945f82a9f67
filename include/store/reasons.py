"""Why a database cannot be used, in words that hold nothing of its address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psycopg

FATAL: Final = re.compile(r"FATAL:\s+(.+)")  # what the server itself says before there is a session
UNREACHED: Final = {
    "Connection refused": "nothing listens there",
    "could not translate host name": "there is no host of this name",
    "failed to resolve host": "there is no host of this name",
    "timeout expired": "no answer in time",
    "connection timeout": "no answer in time",
    "No route to host": "there is no way to it",
    "SSL": "no encrypted connection comes about",
}


def reason_of(error: psycopg.Error) -> str:
    """Return why, without what an address holds: libpq quotes pieces of one that it cannot read, passwords too."""
    text = str(error)
    from_server = error.diag.message_primary or next(iter(FATAL.findall(text)), None)
    known = (words for sign, words in UNREACHED.items() if sign in text)
    return from_server or next(known, f"its address cannot be used ({type(error).__name__})")
