"""Where descriptions and examples of the vendors are: ours always, the vendors' own where they are at hand.

This is the one place that looks for them.
"""

import os
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[1]
OURS = ROOT / "include/lab/contracts"
THEIRS = Path(os.environ.get("OPS_CONTRACTS_DIR") or ROOT.parent / "shared/contracts")
"""The vendors' full descriptions and samples; they are not ours to publish, so a clone has none."""

FOLDERS = (OURS, THEIRS) if THEIRS.is_dir() else (OURS,)
EXAMPLES = ("examples", "fixtures")


def examples(pattern):
    """Return the example files that fit: ours, and the vendors' own where they are at hand."""
    return [
        path
        for folder, kind in zip(FOLDERS, EXAMPLES, strict=False)
        for path in sorted(folder.glob(f"{kind}/{pattern}"))
    ]


def name_of(path):
    """Return an example as a test names it."""
    whose = "ours" if path.is_relative_to(OURS) else "theirs"
    return f"{whose}-{path.parent.name}-{path.stem}"


def load(path):
    """Return what is in a JSON file."""
    return orjson.loads(path.read_bytes())
