"""What leaves the house in a report to Sentry: where it broke and in which class, and nothing that may name a person.

Sentry's client would send the local variables of each frame, the log lines before the error and the texts of
all exceptions. Of these only the texts of our own errors stay, which have no addresses in them.
"""

from __future__ import annotations

from typing import Any, Final

from include.errors import redact

WITHHELD: Final = "(text withheld: see the task's log)"
PERSONAL: Final = ("breadcrumbs", "extra", "user", "request", "logentry", "message")


def without_people(event: dict[str, Any], _hint: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the event as it may be sent; a Sentry event processor."""
    kept = {key: value for key, value in event.items() if key not in PERSONAL}
    values = (event.get("exception") or {}).get("values") or []
    return {**kept, "exception": {"values": [_exception(one) for one in values]}}


def _exception(one: dict[str, Any]) -> dict[str, Any]:
    is_ours = str(one.get("module", "")).startswith("include.")
    text = redact(str(one.get("value", ""))) if is_ours else WITHHELD
    return {**one, "value": text, "stacktrace": _stacktrace(one.get("stacktrace"))}


def _stacktrace(trace: dict[str, Any] | None) -> dict[str, Any] | None:
    if not trace:
        return None
    frames = [
        {key: value for key, value in frame.items() if key != "vars"} for frame in trace["frames"]
    ]
    return {**trace, "frames": frames}
