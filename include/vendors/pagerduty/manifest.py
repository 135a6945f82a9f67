"""PagerDuty: alerts that wake somebody."""

from typing import Final

from include.vendors.manifest import Manifest, Need

KEY: Final = r"[A-Za-z0-9]{32}"
VENDOR: Final = Manifest(
    name="pagerduty",
    needs={"pagerduty": Need(key=KEY, host=r"events\.(eu\.)?pagerduty\.com", channel="pagerduty")},
)
