"""Twilio: alerts as text messages."""

from typing import Final

from include.vendors.manifest import Manifest, Need

ACCOUNT: Final = r"AC[0-9a-f]{32}"
VENDOR: Final = Manifest(
    name="twilio",
    needs={
        "twilio": Need(
            login=ACCOUNT, host=r"api(\.\w+)*\.twilio\.com", extras=("from",), channel="sms"
        )
    },
)
