"""Where the vendors' descriptions and fixtures are; a test that needs them skips plainly without."""

import os
from pathlib import Path

import orjson
import pytest

FOLDER = Path(os.environ.get("OPS_CONTRACTS_DIR", Path(__file__).parents[2] / "shared/contracts"))


def require(*names):
    """Return the path of a contract, or skip the test."""
    path = FOLDER.joinpath(*names)
    if not path.exists():
        pytest.skip(f"{'/'.join(names)} of the vendors' contracts is missing (OPS_CONTRACTS_DIR)")
    return path


def fixtures(vendor_folder):
    """Return the fixture files of a folder; one that is missing still makes a test, which skips."""
    return sorted(FOLDER.joinpath("fixtures", vendor_folder).glob("*.json")) or [None]


def load(path):
    """Return a fixture's JSON, or skip the test."""
    if path is None:
        pytest.skip("the vendors' fixtures are missing (OPS_CONTRACTS_DIR)")
    return orjson.loads(path.read_bytes())
