"""How each vendor's webhooks come, as people see it: the last one, by hour beside what is usual, what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.jobs.reconciliation.silence import NAMES
from include.jobs.reconciliation.unusual import counts_of
from include.jobs.reconciliation.usual import (
    DAY,
    MIN_WEEKS,
    REACH_WEEKS,
    WEEK,
    usual_week,
    weeks_before,
)
from include.operate.metrics import Chart, chart_data
from include.store.webhooks import HOUR_SECONDS, hour_of

if TYPE_CHECKING:
    from datetime import datetime

    from include.jobs.reconciliation.usual import Counts
    from include.store import Store
    from include.store.rejections import Refused
    from include.store.webhooks import Silence, Unrouted

SHOWN_HOURS: Final = 2 * DAY
LATELY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorWebhooks:
    """A vendor's; what is refused, not taken, late or came again is of the last day."""

    name: str
    last_at: datetime | None
    chart: Chart
    silences: tuple[Silence, ...]
    refused: tuple[Refused, ...]
    unrouted: tuple[Unrouted, ...]
    shares: dict[str, int]


def read_webhooks(store: Store, *, now: datetime) -> list[VendorWebhooks]:
    """Return how each vendor's webhooks come."""
    since = now - LATELY
    silences, refused = store.webhooks.silences(), store.rejections.read(since=since)
    unrouted = store.webhooks.unrouted(since=since)
    found = []
    for provider, name in NAMES.items():
        delivered = store.webhooks.delivered(provider, since=now - timedelta(weeks=REACH_WEEKS))
        counts, hour = counts_of(provider, store=store, now=now), hour_of(now)
        found.append(
            VendorWebhooks(
                name=name,
                last_at=max((one.last_at for one in delivered.values()), default=None),
                chart=_chart(name, counts, now=hour),
                silences=tuple(one for one in silences if one.provider == provider),
                refused=tuple(one for one in refused if one.provider == provider),
                unrouted=tuple(one for one in unrouted if one.provider == provider),
                shares={
                    what: sum(hours.get(one, 0) for one in range(hour - DAY, hour))
                    for what, hours in counts.shares.items()
                },
            )
        )
    return found


def _chart(name: str, counts: Counts, *, now: int) -> Chart:
    """Return the full hours of the last two days, beside what the weeks before them have in such hours."""
    begin = now - SHOWN_HOURS
    hours = range(begin, now)
    weeks = weeks_before(begin, min(counts.came, default=now))
    came = [counts.came.get(hour, 0) for hour in hours]
    words = f"{sum(came)} came in the last {SHOWN_HOURS} hours"
    lines: list[tuple[str, str, list[float]]] = [("came", "--good", [*came])]
    if weeks < MIN_WEEKS:
        words += f", and what is usual is known after {MIN_WEEKS} weeks"
    else:
        week = usual_week(counts.came, end=begin, weeks=weeks)
        usual = [round(week[hour % WEEK], 2) for hour in hours]
        words += f", where {sum(usual):.1f} are usual"
        lines.append(("usual", "--link", usual))
    return Chart(
        title=f"{name}'s webhooks that start a job, by hour",
        words=words,
        data=chart_data([hour * HOUR_SECONDS for hour in hours], *lines),
    )
