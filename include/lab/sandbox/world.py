"""Everything the sandbox knows at one moment."""

from collections.abc import Iterable
from typing import TypeVar, cast

from include.lab.sandbox.calls import CallLog
from include.lab.sandbox.clock import SandboxClock
from include.lab.sandbox.faults import FaultBook
from include.lab.sandbox.outbox import Outbox
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.vendor import Surroundings, Switches, Vendor, VendorState

S = TypeVar("S")


class World:
    """The vendors' states and what is recorded about them."""

    def __init__(self, settings: SandboxSettings, vendors: Iterable[Vendor]) -> None:
        """Start every vendor empty, with the default list, price list and journey."""
        self.settings = settings
        self.vendors = {vendor.name: vendor for vendor in vendors}
        self.switches = Switches()
        self.clock = SandboxClock()
        self.outbox = Outbox()
        self.calls = CallLog()
        self.faults = FaultBook()
        self.ports: dict[str, int] = {}  # of what does not speak HTTP; a reset does not move it
        self.states: dict[str, VendorState] = {}
        self._fill()

    def _fill(self) -> None:
        around = Surroundings(
            settings=self.settings, switches=self.switches, clock=self.clock, outbox=self.outbox
        )
        self.states = {name: v.new_state(around) for name, v in self.vendors.items()}

    def reset(self) -> None:
        """Back to the start: states, events, calls, faults, switches and the clock."""
        self.switches = Switches()
        self.clock.offset_seconds = 0.0
        self.outbox.clear()
        self.calls.clear()
        self.faults.clear()
        self._fill()

    def state(self, kind: type[S]) -> S:
        """Return the state of that type; a vendor that is not mounted is a KeyError."""
        for state in self.states.values():
            if type(state) is kind:
                return cast("S", state)
        raise KeyError(kind.__name__)
