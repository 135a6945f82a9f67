"""What the tests of deactivations have in common."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from include.membership.ends import End, EndReason
from tests.store.arrivals import NOW

DAG = "member_deactivation"
LEAD = timedelta(seconds=300)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
SOON = NOW + 30 * DAY
numbers = count(1)


def an_end(at=SOON):
    return End(vendor_at=at, deactivate_at=at, reason=EndReason.PERIOD_END)


def plan(store, at=SOON):
    """Plan the end of somebody's membership, as the job does for an event."""
    number = next(numbers)
    return store.deactivations.open(
        UUID(int=number), f"sub_{number}", an_end(at), inbox_id=None, now=NOW
    )


def run_of(airflow, row):
    """Return Airflow's run of a row's generation; None without one."""
    return airflow.runs.get((DAG, row.next_run_id))


def cancellations(store):
    """Return the runs that Airflow is to delete, now or later."""
    return store.deactivations.run_cancellations(superfluous_since=datetime.max.replace(tzinfo=UTC))


def now_is(store, row):
    return store.deactivations.get(row.id)


def do(store, run, clock, *, row_id=0):
    """Do what a run does with all rows that it takes."""
    rows = store.deactivations.take(run, own_id=row_id, now=clock.now(), row_limit=500)
    store.deactivations.finish([row.id for row in rows], now=clock.now())
    return len(rows)
