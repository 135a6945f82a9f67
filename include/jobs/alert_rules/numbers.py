"""The jobs' numbers as the rules ask for them, and as they are kept for a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.alerts.history import Sample
from include.alerts.names import OF_THE_PRESENT
from include.store.metrics import Measurement, measure_all, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from include.store import Store


class StoredNumbers:
    """The numbers as of `now` and of minutes before; each window is measured once for all rules."""

    def __init__(self, store: Store, *, now: datetime) -> None:
        """Ask `store`; what is of the present is unknown of any instant but `now`."""
        self._store, self._now = store, now
        self._measured: dict[tuple[datetime, timedelta], Mapping[str | None, Measurement]] = {}

    def of(self, at: datetime, window: timedelta, job: str | None) -> dict[str, float | None]:
        """Return a job's numbers, or those of all jobs."""
        found = self._all(at, window).get(job)
        values = numbers(found or Measurement(job=job, at=at, window=window))
        if at != self._now:
            values |= dict.fromkeys(OF_THE_PRESENT)
        return values

    def samples(self, at: datetime, since: datetime) -> list[Sample]:
        """Return what is kept of an instant: all jobs together, and each that has anything."""
        measured = self._all(at, at - since)
        found = [self._sample(one, since) for one in measured.values()]
        return [one for one in found if one.job is None or not one.is_empty]

    def _all(self, at: datetime, window: timedelta) -> Mapping[str | None, Measurement]:
        key = at, window
        if key not in self._measured:
            self._measured[key] = measure_all(self._store, now=at, window=window)
        return self._measured[key]

    def _sample(self, one: Measurement, since: datetime) -> Sample:
        is_now = one.at == self._now
        return Sample(
            at=one.at,
            job=one.job,
            since=since,
            success_count=one.success_count,
            failure_count=one.failure_count,
            lost_count=one.lost_count,
            running_jobs=one.running_jobs,
            queued_jobs=one.queued_jobs if is_now else None,
            dlq_count=one.dlq_count if is_now else None,
            oldest_waiting_seconds=one.oldest_waiting_seconds if is_now else None,
            refused_count=one.refused_count,
            missed_events=one.missed_events,
            silent_minutes=one.silent_minutes if is_now else None,
        )
