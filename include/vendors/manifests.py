"""All vendors: one name here adds another."""

from importlib import import_module
from typing import Final

from include.routing import STARTING_TYPES
from include.vendors.manifest import Manifest

NAMES = (
    "stripe",
    "clerk",
    "mailchimp",
    "luma",
    "slack",
    "mail",
    "pagerduty",
    "twilio",
)
MANIFESTS: Final[dict[str, Manifest]] = {
    name: import_module(f"include.vendors.{name}.manifest").VENDOR for name in NAMES
}
"""By name, in the order in which people are asked about them and told of them."""
EVENT_SECRETS: Final = {
    name: one.webhook for name, one in MANIFESTS.items() if one.webhook and name in STARTING_TYPES
}
"""Vendor → what those of its events are signed with that start something."""
