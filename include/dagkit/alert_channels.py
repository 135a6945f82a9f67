"""The channels of alerts, each made of its connection when it is first used.

A channel whose connection is not set up is one that fails: it says so, and the next one is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentVendorError, Scope
from include.vendors.manifests import MANIFESTS

if TYPE_CHECKING:
    from include.alerts.channels import AlertChannel
    from include.vendors.manifest import VendorAccess

CHANNELS: Final = {
    need.channel: (vendor, connection)
    for vendor in MANIFESTS.values()
    for connection, need in vendor.needs.items()
    if need.channel
}
"""Channel → its vendor, and its connection."""


class AlertChannels(Mapping[str, "AlertChannel"]):
    """Channel name → channel, connected when it is first asked for; KeyError for no channel."""

    def __init__(self, access: VendorAccess) -> None:
        """Know what clients are made of."""
        self._access = access
        self._made: dict[str, AlertChannel] = {}

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(CHANNELS)

    def __len__(self) -> int:
        """Count the channels."""
        return len(CHANNELS)

    def __getitem__(self, name: str) -> AlertChannel:
        """Return a channel; PermanentVendorError where its connection is not set up."""
        if name not in self._made:
            vendor, connection = CHANNELS[name]
            try:
                self._made[name] = vendor.part("client").connect_channel(self._access)
            except AirflowNotFoundException:
                error = PermanentVendorError(f"the connection `{connection}` is not set up")
                raise error.about(Scope.VENDOR) from None
        return self._made[name]
