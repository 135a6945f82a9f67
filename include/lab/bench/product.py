"""The product as a contender: webhooks go to the relay, and end in the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from include.clock import SystemClock
from include.lab.bench import hops
from include.lab.bench.contender import WebhookProgress
from include.lab.bench.enrolment import enrol_synced
from include.lab.bench.processes import cpu_seconds
from include.lab.bench.webhooks import SigningSecrets, signed_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lab.bench.sandbox import BenchMember
    from include.lab.bench.webhooks import Webhook
    from include.lab.stack.stack import Stack

MARK = "SELECT coalesce(max(id), 0) FROM ops.inbox"
PROGRESS = """
SELECT count(*) FILTER (WHERE state = 'processed'),
       count(*) FILTER (WHERE state IN ('superseded', 'ignored', 'failed', 'dead')),
       min(state || ': ' || reason) FILTER (WHERE state IN ('superseded', 'ignored', 'failed', 'dead'))
FROM ops.inbox WHERE id > %s
"""


class Product:
    """The running stack."""

    name = "product"

    def __init__(self, stack: Stack) -> None:
        """Measure `stack`, which is up and healthy."""
        self._stack = stack
        self._secrets = SigningSecrets(
            stripe=stack.stripe_webhook_secret, clerk=stack.clerk_webhook_secret
        )
        self._connection = psycopg.connect(stack.database_url, autocommit=True)
        self.port = stack.ports.relay
        self.database_url = stack.database_url

    def request(self, webhook: Webhook) -> bytes:
        """Sign it as the vendor does."""
        return signed_request(webhook, self._secrets, SystemClock().now())

    def mark(self) -> int:
        """Return the newest inbox row."""
        row = self._connection.execute(MARK).fetchone()
        return int(row[0]) if row else 0

    def progress(self, mark: int) -> WebhookProgress:
        """Count the rows that came after `mark`: `processed` is done, every other end is not."""
        row = self._connection.execute(PROGRESS, (mark,), prepare=True).fetchone()
        done, failed, reason = row or (0, 0, None)
        return WebhookProgress(done=done, failed=failed, reason=reason)

    def enrol(self, members: Sequence[BenchMember]) -> None:
        """Make members whom we have synced before."""
        enrol_synced(self.database_url, members)

    def cpu_seconds(self) -> dict[str, float]:
        """Add up the stack's processes."""
        return cpu_seconds(self._stack.id)

    def hops(self, mark: int) -> dict[str, float]:
        """Return where the time of the webhooks since `mark` went."""
        urls = {"database_url": self.database_url, "airflow_url": self._stack.airflow_database_url}
        return hops.of_webhooks(mark, **urls)

    def close(self) -> None:
        """Give the database connection back."""
        self._connection.close()
