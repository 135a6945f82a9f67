"""What time a vendor has, by its answers: signatures are refused where its clock and ours differ too much."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def date_in(headers: Mapping[str, str] | None) -> datetime | None:
    """Return the moment of an answer, in whole seconds; None where it does not say."""
    found = {name.lower(): value for name, value in (headers or {}).items()}.get("date", "")
    try:
        moment = parsedate_to_datetime(found)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
