"""The migrations are one line: two that were written side by side are put in order before they meet a database."""

import re
from pathlib import Path

from include.store import migrations

FILES = sorted((Path(migrations.__path__[0]) / "versions").glob("[0-9]*.py"))
REVISION = re.compile(r'^revision = "(\d+)"$', re.MULTILINE)
BEFORE = re.compile(r'^down_revision(?:: [^=]+)? = (?:"(\d+)"|None)$', re.MULTILINE)


def test_each_migration_follows_the_one_before():
    """Its number is its file's, nobody else has it, and it comes after the number before."""
    texts = [file.read_text(encoding="utf-8") for file in FILES]
    numbers = [file.name[:4] for file in FILES]

    assert [REVISION.search(text)[1] for text in texts] == numbers
    assert len(set(numbers)) == len(numbers)
    assert [BEFORE.search(text)[1] for text in texts] == [None, *numbers[:-1]]
