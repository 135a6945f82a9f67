"""What every channel can do, whatever is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from include.alerts.texts import AlertMessage


class AlertChannel(Protocol):
    """A way to people. What goes wrong is a `VendorError`, and never quotes an address or a number."""

    @property
    def is_repeatable(self) -> bool:
        """Tell whether the same message sent twice arrives once."""
        ...

    def send(self, to: str, message: AlertMessage) -> str | None:
        """Tell it; return the vendor's id of what was sent, where there is one.

        VendorUncertainError: it may have arrived. Any other VendorError: it has not.
        """
        ...

    def was_sent(self, to: str, message: AlertMessage) -> bool | None:
        """Ask the vendor whether a message whose answer was lost has arrived; None: it cannot tell."""
        ...

    def check(self) -> None:
        """Raise VendorError where the vendor cannot be reached or does not know us; nobody is told anything."""
        ...
