"""What the tests of the deep comparison have in their hands."""

from datetime import UTC, datetime, timedelta

from include.clock import FixedClock
from include.jobs.reconciliation import steps as job
from include.jobs.reconciliation.contacts import compare_contacts
from include.jobs.reconciliation.events import read_events
from include.jobs.reconciliation.members import compare_clerk, compare_stripe
from include.jobs.reconciliation.repair import RepairLimits

RUN = "reconcile_1"
DAY = timedelta(days=1)


class Night:
    """A deep run, in a world whose vendors know more than we do."""

    def __init__(self, world):
        self.world, self.store = world, world.store
        self.clock = FixedClock(
            datetime.now(UTC) + timedelta(minutes=30)
        )  # nothing is on its way any more

    def compare(self, *, run=RUN, dry_run=False, most_percent=5.0, mails_nobody=False):
        """Run all deep checks; return the findings that found something."""
        params = {"deep": True, "dry_run": dry_run}
        job.begin(run, params, store=self.store, clock=self.clock)
        shared = {"dag_run_id": run, "store": self.store, "clock": self.clock}
        world = self.world
        limits = RepairLimits(
            is_dry_run=dry_run, most_percent=most_percent, mails_nobody=mails_nobody
        )
        read_events(**shared, stripe=world.stripe, limits=limits)
        compare_stripe(**shared, stripe=world.stripe, limits=limits)
        compare_clerk(**shared, clerk=world.clerk, limits=limits)
        compare_contacts(**shared, mailchimp=world.mailchimp, limits=limits)
        findings = self.store.reconciliations.get(run).findings
        return {name: finding for name, finding in findings.items() if finding.found}

    def work_off(self):
        """Let the job take whatever waits, as the relay has it do."""
        while ids := self.waiting():
            self.world.run_rows(ids)

    def waiting(self):
        """Return the rows that wait for the job."""
        rows = self.world.query("SELECT id FROM ops.inbox WHERE state = 'waiting' ORDER BY id")
        return [row["id"] for row in rows]
