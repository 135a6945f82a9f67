"""The signature vectors of the contracts, as parameters."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTRACTS = Path(os.environ.get("OPS_CONTRACTS_DIR", ROOT.parent / "shared" / "contracts"))


def vectors(name):
    """Return one parameter per vector, or one that is skipped with the reason."""
    path = CONTRACTS / "signatures" / f"{name}.json"
    if not path.exists():
        reason = "no contracts here: set OPS_CONTRACTS_DIR"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    vectors = json.loads(path.read_text(encoding="utf-8"))["vectors"]
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def instant(seconds):
    """Return the instant of these Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)
