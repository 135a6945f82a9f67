"""What the tests of notices have in common."""

from datetime import timedelta

from include.clock import FixedClock
from include.links import Links
from include.notify.notices import FailureCause, Success, close_recovered, note_failure
from include.notify.outbox import send_due
from include.store.notices import FailedRun
from include.vendors.slack.client import Slack
from tests.contract.conftest import slack_client_of
from tests.factories import NOW

JOB, RUN = "mailchimp_sync", "stripe.test.evt_1"
LINKS = Links(
    airflow_url="https://airflow.example",
    runbook_url="https://code.example/runbooks/",
    command="docker compose run --rm ops",
)
MINUTE = timedelta(minutes=1)


class Desk:
    """A failing job, the people's Slack, and a clock that the test moves."""

    def __init__(self, world):
        self.world, self.store, self.sandbox = world, world.store, world.sandbox
        self.clock = FixedClock(NOW)
        self.slack = Slack(
            slack_client_of(world.sandbox), ops_channel="C0OPSALERTS", staff_channel="C0STAFF0001"
        )
        self.sandbox.ask("PATCH", "settings", json={"slack_limits": False})

    def fail(self, run=RUN, *, task="record", why="task_failure", at=None, kind=""):
        """Let a run fail, and note it; returns whether that was news."""
        failed = FailedRun(job=JOB, dag_run_id=run, failed_at=at or self.clock.now(), kind=kind)
        cause = FailureCause(why=why, task=task, try_number=2)
        return note_failure(failed, cause, store=self.store, clock=self.clock)

    def send(self, **options):
        """Send what is due."""
        usual = {"store": self.store, "slack": self.slack, "links": LINKS, "clock": self.clock}
        return send_due(**usual, **options)

    def send_within_limits(self):
        """Send what is due to a Slack that takes one call a second; return what was sent, and the pauses."""
        self.sandbox.ask("PATCH", "settings", json={"slack_limits": True})
        waited = []

        def pause(seconds):
            waited.append(seconds)
            self.sandbox.ask("POST", "clock", json={"advance_seconds": seconds})

        return self.send(pause=pause), waited

    def succeed(self, run="a_later_run", *, kind=""):
        """Let a run of the job end well, and close what is over by that."""
        success = Success(dag_run_id=run, ended_at=self.clock.now())
        return close_recovered({(JOB, kind): success}, store=self.store, clock=self.clock)

    def texts(self):
        """Return the messages in the channel, oldest first, each with whether it is a reply."""
        messages = self.sandbox.ask("GET", "state/slack")["messages"]
        return [(message["text"], message.get("thread_ts") is not None) for message in messages]
