"""The alert rules' world: real Postgres, channels on the wire, numbers and time in the test's hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from include.alerts.rules import Target, rules_from
from include.alerts.texts import Link
from include.clock import FixedClock
from include.jobs.alert_rules import steps as job
from include.links import Links
from include.vendors.mail.client import Mail
from include.vendors.pagerduty.client import PagerDuty
from include.vendors.twilio.client import Twilio

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
ACCOUNT = "AC" + KEY
MAIL, PHONE = "oncall@example.org", "+1234567890"


def rules(*notify, condition="dlq_count > 20", name="a_rule", **options):
    """Make one rule that tells these channels (`channel=target` pairs)."""
    told = ", ".join(f'{{{channel}: "{to}"}}' for channel, to in notify)
    more = "".join(f", {key.rstrip('_')}: {value}" for key, value in options.items())
    text = (
        f"alerts: [{{name: {name}, condition: '{condition}', window: 30m, severity: critical,"
        f" notify: [{told}]{more}}}]"
    )
    return rules_from(text, file="alerts.yaml", jobs=frozenset({"mailchimp_sync"}))


@dataclass
class Watch:
    """Evaluate, deliver, look at the channels."""

    store: object
    sandbox: object
    rules: tuple = ()
    numbers: dict = field(default_factory=dict)
    instead: tuple = (
        Target(channel="email", to=MAIL),
        Target(channel="pagerduty", to="default"),
        Target(channel="sms", to=PHONE),
    )

    def __post_init__(self):
        """Connect the channels."""
        self.clock = FixedClock(NOON)
        url = self.sandbox.url
        port = self.sandbox.ask("GET", "healthz")["ports"]["mail"]
        self.channels = {
            "email": Mail(
                host="127.0.0.1",
                port=port,
                sender="ops@example.org",
                encryption="off",
                timeout_seconds=2,
            ),
            "pagerduty": PagerDuty(
                KEY,
                routing_keys={},
                base_url=f"{url}/pagerduty/v2",
                source="ops",
                timeout_seconds=2,
            ),
            "sms": Twilio(
                ACCOUNT, "t", sender="+15550001111", base_url=f"{url}/twilio", timeout_seconds=2
            ),
        }

    def of(self, _at, _window, _job):
        """Return the numbers as the test has set them."""
        return self.numbers

    def samples(self, _at, _since):
        """Keep none: these numbers are nobody's."""
        return []

    def evaluate(self, **numbers):
        """Evaluate the rules now, with these numbers from here on."""
        self.numbers = numbers or self.numbers
        return job.evaluate(
            self.rules,
            store=self.store,
            numbers=self,
            examples=lambda _rule, _change: [Link(text="a run", url="https://example.org/run")],
            links=Links(
                airflow_url="https://airflow.example.org",
                runbook_url="https://example.org/runbooks/",
            ),
            now=self.clock.now(),
        )

    def deliver(self):
        """Send what is due."""
        return job.deliver(
            store=self.store, channels=self.channels, instead=self.instead, clock=self.clock
        )

    def minute(self, **numbers):
        """Let a minute pass, evaluate and deliver, as the DAG does."""
        self.clock.advance(timedelta(minutes=1))
        self.evaluate(**numbers)
        return self.deliver()

    def mails(self):
        """Return the subjects of the mails that arrived."""
        return [m["subject"] for m in self.sandbox.ask("GET", "state/mail")["mails"]]

    def mail(self):
        """Return the text of the last mail."""
        return self.sandbox.ask("GET", "state/mail")["mails"][-1]["text"]

    def pages(self):
        """Return the incidents as status and how often they were triggered."""
        alerts = self.sandbox.ask("GET", "state/pagerduty")["alerts"]
        return [(alert["status"], alert["triggers"]) for alert in alerts]

    def texts(self):
        """Return the text messages that arrived, as far as the first full stop."""
        messages = self.sandbox.ask("GET", "state/twilio")["messages"]
        return [message["body"].split(".")[0] for message in messages]

    def states(self):
        """Return the states of all messages, oldest first."""
        rows = self.store.connection.execute(
            "SELECT channel, state FROM ops.alert_messages ORDER BY id"
        )
        return [(row["channel"], row["state"]) for row in rows]


FIRING, STILL, RESOLVED = (
    f"{head}: a_rule (critical)" for head in ("FIRING", "STILL FIRING", "RESOLVED")
)
EVERY = (("email", MAIL), ("pagerduty", "a-service"), ("sms", PHONE))


def told(watch):
    """Return what arrived at each channel."""
    return watch.mails(), watch.pages(), watch.texts()
