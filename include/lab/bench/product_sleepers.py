"""Planned ends at the product: rows of `ops.deactivations`, whose runs the relay makes ahead over REST."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, LiteralString

import psycopg

from include.lab.bench import hops
from include.lab.bench.contender import post, wait_for
from include.lab.bench.errors import BenchError
from include.lab.bench.sandbox import UPDATED
from include.lab.bench.sleepers import EndTimes
from include.routing import DEACTIVATION as DAG_ID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from include.lab.bench.product import Product
    from include.lab.bench.sandbox import BenchMember, BenchSandbox
    from include.lab.stack.stack import Stack

LOOK_SECONDS = 0.1
ENROL = """
WITH sleepers AS (
  INSERT INTO public.users (email, stripe_customer_id)
  SELECT %(prefix)s || n || '@example.org', 'cus_' || %(prefix)s || n FROM generate_series(1, %(count)s) AS n
  RETURNING id, stripe_customer_id
)
INSERT INTO public.memberships (user_id, stripe_subscription_id, status, tier, first_active_at)
SELECT id, replace(stripe_customer_id, 'cus_', 'sub_'), 'active', 'pro', now() FROM sleepers
"""
PLAN = """
INSERT INTO ops.deactivations
  (member_id, subscription_id, reason, vendor_at, deactivate_at, state, created_at, updated_at)
SELECT user_id, stripe_subscription_id, 'period_end', at, at, 'pending', now(), now()
FROM (
  SELECT *, now() + interval '1 day' + interval '364 days' * row_number() OVER (ORDER BY id) / count(*) OVER () AS at
  FROM public.memberships WHERE starts_with(stripe_subscription_id, %(subscription)s)
) AS ends
"""
WAKE = "SELECT pg_notify('ops_deactivations', '')"
ASLEEP = """
SELECT count(*) FROM ops.deactivations WHERE starts_with(subscription_id, %s) AND state = 'scheduled'
"""
PLANNED = """
SELECT count(*) FROM ops.deactivations WHERE subscription_id = ANY (%s) AND deactivate_at = %s
"""
ENDED = """
SELECT applied_at, finished_at FROM ops.deactivations
JOIN public.memberships ON stripe_subscription_id = subscription_id
WHERE subscription_id = ANY (%s) AND state = 'done' AND memberships.status = 'canceled'
"""
LAST_RUN = """
SELECT taken_by, extract(epoch FROM finished_at)::float8 FROM ops.deactivations
WHERE subscription_id = ANY (%s) ORDER BY finished_at DESC LIMIT 1
"""
RUNS = "DELETE FROM ops.deactivations WHERE starts_with(subscription_id, %s) RETURNING dag_run_id"
FORGET = (
    "DELETE FROM public.memberships WHERE starts_with(stripe_subscription_id, %s)",
    "DELETE FROM public.users WHERE starts_with(stripe_customer_id, replace(%s, 'sub_', 'cus_'))",
)
FORGET_RUNS = "DELETE FROM dag_run WHERE dag_id = %s AND run_id = ANY (%s)"


class ProductSleepers:
    """Ends that the running stack waits for."""

    def __init__(self, product: Product, stack: Stack, sandbox: BenchSandbox) -> None:
        """Use `stack`, which is up and healthy."""
        self.contender = product
        self.stack_id = stack.id
        self._sandbox = sandbox
        self._airflow_url = stack.airflow_database_url
        self._prefix = f"bench{token_hex(4)}.sleeper"
        self._subscription = f"sub_{self._prefix}"
        self._connection = psycopg.connect(stack.database_url, autocommit=True)

    def close(self) -> None:
        """Give the database connection back."""
        self._connection.close()

    def enrol(self, count: int) -> None:
        """Make members by themselves: neither vendor is asked about them before their moment."""
        self._connection.execute(ENROL, {"prefix": self._prefix, "count": count})

    def plan(self) -> None:
        """Do what the job of so many events does: rows that are pending, and a word to the relay."""
        self._connection.execute(PLAN, {"subscription": self._subscription})
        self._connection.execute(WAKE)

    def asleep(self) -> int:
        """Count the rows whose run Airflow has."""
        return self._number(ASLEEP, self._subscription)

    def plan_due(self, members: Sequence[BenchMember], at: datetime) -> None:
        """Send what Stripe says about them, and wait until it is planned."""
        ids = [member.stripe_subscription_id for member in members]
        mark = self.contender.mark()
        for webhook in self._sandbox.events_about(UPDATED, set(ids)).values():
            post(self.contender.port, self.contender.request(webhook))
        wait_for(self.contender, mark, len(ids), pause_seconds=LOOK_SECONDS)
        planned = self._number(PLANNED, ids, at)
        if planned != len(ids):
            raise BenchError(f"{planned} of {len(ids)} ends were planned for their moment")

    def ended(self, members: Sequence[BenchMember]) -> list[EndTimes]:
        """Return those whose row is done and whose membership is canceled."""
        ids = [member.stripe_subscription_id for member in members]
        rows = self._connection.execute(ENDED, (ids,)).fetchall()
        return [EndTimes(closed_at=closed_at, done_at=done_at) for closed_at, done_at in rows]

    def parts(self, members: Sequence[BenchMember], at: datetime) -> dict[str, float]:
        """Return where the time of the run went that ended the last of them."""
        ids = [member.stripe_subscription_id for member in members]
        row = self._connection.execute(LAST_RUN, (ids,)).fetchone()
        run, finished_at = row or ("", 0.0)
        tasks = hops.of_run(run, airflow_url=self._airflow_url)
        return hops.since(at.timestamp(), tasks, until=finished_at)

    def clear(self) -> None:
        """Delete rows, members and runs where they are: taken back one by one they would cost minutes."""
        found = self._connection.execute(RUNS, (self._subscription,)).fetchall()
        for statement in FORGET:
            self._connection.execute(statement, (self._subscription,))
        with psycopg.connect(self._airflow_url) as airflow:
            airflow.execute(FORGET_RUNS, (DAG_ID, [run for (run,) in found if run]))

    def _number(self, statement: LiteralString, *values: object) -> int:
        row = self._connection.execute(statement, values).fetchone()
        return int(row[0]) if row else 0
