"""What kind of run a run is: only one of its own kind says that what failed in it works again."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DRY: Final = "dry_run"
WORK: Final = frozenset({"inbox_ids"})
"""What a run is given to work on: it differs from run to run of one kind."""


def kind_of_run(run_type: object, conf: Mapping[str, Any] | None) -> str:
    """Return who starts such runs, and a hash of what was asked of this one, if anything: it may name a person."""
    asked = {key: value for key, value in (conf or {}).items() if value and key not in WORK}
    told = str(getattr(run_type, "value", run_type) or "")
    if not asked:
        return told
    document = json.dumps(asked, sort_keys=True, default=str)
    return f"{told} {sha256(document.encode()).hexdigest()[:8]}".strip()


def is_dry(conf: Mapping[str, Any] | None) -> bool:
    """Tell whether a run only looks: whoever started it waits for what it says, and nobody else."""
    return bool((conf or {}).get(DRY))
