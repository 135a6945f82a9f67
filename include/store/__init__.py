"""The only place that talks to Postgres: one class per table, one SQL file per class.

A `Store` is one connection and is used by one thread. Statements outside `transaction()` commit by
themselves; inside, they commit together when the block ends and vanish together when it raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg.rows import dict_row

from include.store.alerts import Alerts
from include.store.audit import AuditLog
from include.store.breakers import Breakers
from include.store.contacts import Contacts
from include.store.cron_ticks import CronTicks
from include.store.deactivations import Deactivations
from include.store.dead_letters.table import DeadLetters
from include.store.dispatches import Dispatches
from include.store.erasure import Erasure
from include.store.findings import Findings
from include.store.inbox import Inbox
from include.store.job_runs import JobRuns
from include.store.lookup import Lookup
from include.store.members import Members
from include.store.notices import Notices
from include.store.objects import Objects
from include.store.reconciliations import Reconciliations
from include.store.refunds import Refunds
from include.store.rejections import Rejections
from include.store.relay_alarms import RelayAlarms
from include.store.retention import Retention
from include.store.reviews import Reviews
from include.store.run_members import RunMembers
from include.store.slack import SlackPeople
from include.store.sql import queries
from include.store.steps import Steps
from include.store.throttle import Throttle
from include.store.timeline import Timeline
from include.store.webhooks import Webhooks

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

SESSION = queries("session")


class Store:
    """The ops and platform tables over one connection."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Take over `connection`, which must be psycopg 3; rows come as dicts from here on."""
        connection.autocommit = True
        connection.row_factory = dict_row
        self.connection = connection
        self.inbox = Inbox(connection)
        self.dispatches = Dispatches(connection)
        self.rejections = Rejections(connection)
        self.objects = Objects(connection)
        self.members = Members(connection)
        self.run_members = RunMembers(connection)
        self.contacts = Contacts(connection)
        self.steps = Steps(connection)
        self.deactivations = Deactivations(connection)
        self.dead_letters = DeadLetters(connection)
        self.findings = Findings(connection)
        self.breakers = Breakers(connection)
        self.refunds = Refunds(connection)
        self.cron_ticks = CronTicks(connection)
        self.erasure = Erasure(connection)
        self.retention = Retention(connection)
        self.slack = SlackPeople(connection)
        self.throttle = Throttle(connection)
        self.webhooks = Webhooks(connection)
        self.notices = Notices(connection)
        self.reconciliations = Reconciliations(connection)
        self.reviews = Reviews(connection)
        self.audit = AuditLog(connection)
        self.job_runs = JobRuns(connection)
        self.relay_alarms = RelayAlarms(connection)
        self.alerts = Alerts(connection)
        self.timeline = Timeline(connection)
        self.lookup = Lookup(connection)

    @classmethod
    def connect(cls, dsn: str, *, timeout_seconds: float = 5) -> Self:
        """Open a connection of its own."""
        return cls(psycopg.connect(dsn, connect_timeout=max(2, round(timeout_seconds))))

    def transaction(self) -> AbstractContextManager[object]:
        """Commit what the block does together, or nothing of it."""
        return self.connection.transaction()

    def limit_idle_transactions(self, *, seconds: float) -> None:
        """Let Postgres end this session where a transaction of it does nothing for so long.

        A process that is frozen, not dead, would keep its members' locks for as long as it is.
        """
        list(SESSION.limit_idle_transactions(self.connection, milliseconds=f"{seconds * 1000:.0f}"))

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()
