"""Mail, as alerts are told by it."""

from typing import Final

from include.vendors.manifest import Manifest, Need

VENDOR: Final = Manifest(
    name="mail", needs={"smtp": Need(key=r".*", extras=("from",), channel="email")}
)
