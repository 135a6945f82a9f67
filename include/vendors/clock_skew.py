"""What time a vendor has, by its answers: signatures are refused where its clock and ours differ too much."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from include.check_results import failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from include.check_results import CheckContext, CheckResult

SKEW_TOLD: Final = timedelta(seconds=30)
USUAL_TOLERANCE: Final = timedelta(minutes=5)


def date_in(headers: Mapping[str, str] | None) -> datetime | None:
    """Return the moment of an answer, in whole seconds; None where it does not say."""
    found = {name.lower(): value for name, value in (headers or {}).items()}.get("date", "")
    try:
        moment = parsedate_to_datetime(found)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def compare_clocks(vendor: str, theirs: datetime | None, context: CheckContext) -> CheckResult:
    """Compare our clock with a vendor's: a signature is refused that is too old, or from the future."""
    name = f"{vendor}: clock"
    if theirs is None:
        return warning(
            name, "the answers do not say what time it is there", "see to our clock: NTP"
        )
    tolerance = (
        timedelta(seconds=context.relay.signature_tolerance_seconds)
        if context.relay
        else USUAL_TOLERANCE
    )
    skew = abs(context.clock.now() - theirs)
    words = f"ours and theirs are {skew.total_seconds():.0f} s apart"
    if skew >= tolerance:
        reason = f"{words}: webhooks signed now are refused"
        return failed(name, reason, "set this machine's clock, by NTP")
    if skew > SKEW_TOLD:
        return warning(
            name, f"{words}; {tolerance.total_seconds():.0f} s are borne", "set it by NTP"
        )
    return ok(name, words)
