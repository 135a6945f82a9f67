"""What kind of run a run is: only one of its own kind says that what failed in it works again."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DRY: Final = "dry_run"
BY_HAND: Final = "manual"
LOOK_FIRST: Final = frozenset({"database_cleanup", "luma_auto_approval", "slack_status_sync"})
"""Jobs that remove or approve: started by hand they only look, unless the form says otherwise."""
WORK: Final = frozenset({"inbox_ids"})
"""What a run is given to work on: it differs from run to run of one kind."""


def kind_of_run(run_type: object, conf: Mapping[str, Any] | None) -> str:
    """Return who starts such runs, and a hash of what was asked of this one, if anything: it may name a person."""
    asked = {key: value for key, value in (conf or {}).items() if value and key not in WORK}
    told = _text(run_type)
    if not asked:
        return told
    document = json.dumps(asked, sort_keys=True, default=str)
    return f"{told} {sha256(document.encode()).hexdigest()[:8]}".strip()


def is_dry(job: str, run_type: object, conf: Mapping[str, Any] | None) -> bool:
    """Tell whether a run only looks: whoever started it waits for what it says, and nobody else.

    Airflow gives a scheduled run the form's defaults; a form that begins with a tick must not stop the schedule.
    """
    looks_first = job in LOOK_FIRST and _text(run_type) == BY_HAND
    return bool((conf or {}).get(DRY, looks_first))


def _text(run_type: object) -> str:
    """Return a run's type, which Airflow gives as a text or as a value of an enumeration."""
    return str(getattr(run_type, "value", run_type) or "")
