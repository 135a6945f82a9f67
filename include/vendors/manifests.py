"""All vendors: one name here adds another."""

from importlib import import_module
from typing import Final

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
