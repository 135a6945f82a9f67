"""Planned ends at plain Airflow: a run from the start, whose sensor waits in the triggerer until the moment."""

from __future__ import annotations

from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING

import psycopg

from include.clock import SystemClock
from include.lab.bench.contender import post
from include.lab.bench.sleepers import EndTimes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from include.lab.bench.plain import PlainAirflow
    from include.lab.bench.sandbox import BenchMember

DAG_ID = "plain_deactivation"
FIRST, SPREAD = timedelta(days=1), timedelta(days=364)
ASLEEP = """
SELECT count(*) FROM task_instance
WHERE dag_id = %s AND starts_with(run_id, %s) AND task_id = 'wait_for_period_end' AND state = 'deferred'
"""
FORGET = "DELETE FROM dag_run WHERE dag_id = %s AND starts_with(run_id, %s)"
ENDED = """
SELECT memberships.updated_at, audit_log.at
FROM public.memberships JOIN public.audit_log ON target = stripe_subscription_id
WHERE stripe_subscription_id = ANY (%s) AND status = 'canceled' AND action = 'member:deactivated'
"""


class PlainSleepers:
    """Ends that plain Airflow waits for."""

    def __init__(self, plain: PlainAirflow, stack_id: str) -> None:
        """Use `plain`, which runs."""
        self.contender = plain
        self.stack_id = stack_id
        self._prefix = f"sleeper{token_hex(4)}."
        self._count = 0
        self._airflow = psycopg.connect(plain.airflow_url, autocommit=True)
        self._platform = psycopg.connect(plain.database_url, autocommit=True)

    def close(self) -> None:
        """Give the database connections back."""
        self._airflow.close()
        self._platform.close()

    def enrol(self, count: int) -> None:
        """Remember how many: their runs know all that is to be known of them."""
        self._count = count

    def plan(self) -> None:
        """Ask Airflow for a run each."""
        now = SystemClock().now()
        for number in range(self._count):
            at = now + FIRST + SPREAD * number / self._count
            self._post(f"{self._prefix}{number}", f"sub_{self._prefix}{number}", at)

    def asleep(self) -> int:
        """Count the sensors that wait."""
        row = self._airflow.execute(ASLEEP, (DAG_ID, self._prefix)).fetchone()
        return int(row[0]) if row else 0

    def plan_due(self, members: Sequence[BenchMember], at: datetime) -> None:
        """Ask Airflow for a run each."""
        for member in members:
            subscription_id = member.stripe_subscription_id
            self._post(f"due.{subscription_id}", subscription_id, at)

    def ended(self, members: Sequence[BenchMember]) -> list[EndTimes]:
        """Return those whose membership is canceled and that are written down."""
        ids = [member.stripe_subscription_id for member in members]
        rows = self._platform.execute(ENDED, (ids,)).fetchall()
        return [EndTimes(closed_at=closed_at, done_at=done_at) for closed_at, done_at in rows]

    def parts(self, _members: Sequence[BenchMember], _at: datetime) -> dict[str, float]:
        """Return none: what is ours is to be mended, not this."""
        return {}

    def clear(self) -> None:
        """Delete the runs, whose sensors the triggerer then forgets."""
        self._airflow.execute(FORGET, (DAG_ID, self._prefix))

    def _post(self, run_id: str, subscription_id: str, at: datetime) -> None:
        conf = {"subscription_id": subscription_id, "deactivate_at": at.isoformat()}
        post(self.contender.port, self.contender.run_request(DAG_ID, run_id, conf))
