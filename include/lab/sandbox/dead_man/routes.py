"""The outside check: an address per check; who calls it is alive."""

from collections.abc import Mapping
from typing import Any

from include.lab.sandbox.vendor import Surroundings, Vendor
from include.lab.sandbox.wire import Answer, Call, Routes

ROUTES = Routes()
TEXT = "text/plain; charset=utf-8"


class DeadManState:
    """How often each check was called, and when last."""

    def __init__(self, around: Surroundings) -> None:
        """Start without a call."""
        self.around = around
        self.checks: dict[str, dict[str, Any]] = {}

    def take(self, check: str) -> None:
        """Count a signal."""
        before = self.checks.get(check, {"count": 0})
        self.checks[check] = {"count": before["count"] + 1, "last_at": self.around.clock.now()}

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return the checks; one, or all."""
        return {
            "checks": {name: one for name, one in self.checks.items() if wanted in (None, name)}
        }


@ROUTES.on("POST", "/ping/{check}")
def ping(state: DeadManState, _call: Call, check: str) -> Answer:
    """Take a signal."""
    state.take(check)
    return Answer(200, b"OK", TEXT)


VENDOR = Vendor(
    name="dead-man",
    base="",
    description=lambda _call, _switches: None,  # nobody's in particular
    routes=ROUTES,
    new_state=DeadManState,
    authorize=lambda _settings, _call: None,  # who knows the address may call it
    no_such_route=lambda _call: Answer(404, b"not found", TEXT),
)
