"""Signature vectors, as parameters: ours, and the vendors' where they are at hand."""

from datetime import UTC, datetime

import pytest

from tests import contracts


def vectors(name):
    """Return one parameter per vector."""
    files = [folder / "signatures" / f"{name}.json" for folder in contracts.FOLDERS]
    return [
        pytest.param(vector, id=f"{contracts.name_of(file)}-{vector['name']}")
        for file in files
        for vector in contracts.load(file)["vectors"]
    ]


def instant(seconds):
    """Return the instant of these Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)
