"""The rules as they stand, with real rows, a moved clock, and every channel on the wire."""

from datetime import timedelta

import pytest

from include.alerts.history import backtest
from include.alerts.rules import load, others
from include.jobs.alert_rules import steps as job
from include.links import Links
from include.store.webhooks import Silence
from include.vendors.slack.client import Slack, SlackChannel
from tests.jobs.alert_world import NOON, Watch
from tests.store.arrivals import receive

RULES = {rule.name: rule for rule in load()}
SYNC = "mailchimp_sync"


class RealWatch(Watch):
    """The rules of the file on the tables' own numbers, and Slack beside the other channels."""

    def __post_init__(self):
        """Connect Slack too."""
        super().__post_init__()
        from slack_sdk import WebClient

        client = WebClient("xoxb-x", base_url=f"{self.sandbox.url}/slack/api/", retry_handlers=[])
        self.channels["slack"] = SlackChannel(
            Slack(client, ops_channel="", staff_channel=""),
            console="https://airflow.example.org/ops",
        )
        self.instead = others(RULES.values())
        self.rules = tuple(RULES.values())
        self.numbered = 0

    def minute(self):
        """Let a minute pass, and do what the DAG does."""
        self.clock.advance(timedelta(minutes=1))
        now = self.clock.now()
        job.evaluate(
            self.rules,
            store=self.store,
            numbers=job.StoredNumbers(self.store, now=now),
            examples=job.examples_from(self.store, airflow_url="https://airflow.example.org"),
            links=Links(airflow_url="https://airflow.example.org"),
            now=now,
        )
        return self.deliver()

    def minutes(self, count):
        """Let minutes pass."""
        for _ in range(count):
            assert self.minute().failures == []

    def quiet(self):
        """Have Stripe's webhooks stay away from now on."""
        silence = Silence(
            provider="stripe",
            cause="endpoint_disabled",
            since=self.clock.now(),
            words="Stripe's endpoint is disabled",
            to_do="{ops} rotate",
            missing=3,
        )
        self.store.webhooks.keep(silence, now=self.clock.now())

    def runs(self, good=0, bad=0, name=SYNC):
        """Have runs that end now."""
        now = self.clock.now()
        for number in range(good + bad):
            self.numbered += 1
            run = f"run_{self.numbered}"
            self.store.job_runs.open(name, run, ends=["record"], now=now - timedelta(seconds=2))
            if number < good:
                self.store.job_runs.end_tasks(name, run, ends=["record"], now=now)
            else:
                self.store.job_runs.fail(name, run, error_class="E", reason="no", now=now)

    def wait_in_line(self, count):
        """Have rows that wait."""
        start = self.numbered
        self.numbered += count
        ids = [f"evt_{number}" for number in range(start, self.numbered)]
        return receive(self.store, *ids, received_at=self.clock.now())

    def dead(self, count):
        """Have dead letters."""
        ids = self.wait_in_line(count)
        self.query("UPDATE ops.inbox SET state = 'dead' WHERE id = ANY(%s) RETURNING 1", ids)
        for row in ids:
            self.query(
                "INSERT INTO ops.dead_letters (job, subject, state, error_class, fingerprint, reason, severity,"
                " dag_run_id, first_seen_at, last_seen_at, since)"
                " VALUES (%s, %s, 'open', 'permanent', 'f', 'no', 'error', 'run_x', %s, %s, %s) RETURNING 1",
                *(SYNC, f"row:{row}", *[self.clock.now()] * 3),
            )

    def query(self, statement, *parameters):
        """Ask Postgres."""
        return self.store.connection.execute(statement, parameters).fetchall()

    def slack(self):
        """Return the first lines of what stands in #eng-alerts."""
        messages = self.sandbox.ask("GET", "state/slack")["messages"]
        return [m["text"].splitlines()[0].strip("*") for m in messages]

    def told(self):
        """Return what arrived where: channel → the first words of each message, oldest first."""
        incidents = self.sandbox.ask("GET", "state/pagerduty")["alerts"]
        mails = self.sandbox.ask("GET", "state/mail")["mails"]
        found = {
            "slack": self.slack(),
            "email": [f"{mail['to'][0]} {mail['subject']}" for mail in mails],
            "pagerduty": [f"{a['component']} {a['status']} {a['triggers']}" for a in incidents],
            "sms": self.texts(),
        }
        return {channel: what for channel, what in found.items() if what}


@pytest.fixture
def watch(store, sandbox):
    """Give the four rules."""
    return RealWatch(store, sandbox)


def both(name, severity):
    """Return the beginning and the end of an alert."""
    return [f"{head}: {name} ({severity})" for head in ("FIRING", "RESOLVED")]


RATE = both("job_failure_rate_high", "warning")
SYNC_FAILS = both("mailchimp_sync_failing", "high")
LETTERS = both("dlq_items_accumulating", "medium")


def test_failure_rate_just_under(watch):
    """1 of 10 is 0.1, and not more."""
    watch.runs(good=9, bad=1)

    watch.minutes(10)

    assert watch.told() == {}


def test_failure_rate_just_over(watch):
    """2 of 19 is: Slack and the mailbox are told once, and once that it is over, when the window has passed."""
    watch.runs(good=17, bad=2)

    watch.minutes(4)
    during = watch.told()
    watch.minutes(6)

    assert during == {"slack": RATE[:1], "email": [f"oncall@wdai.org {RATE[0]}"]}
    assert watch.told() == {"slack": RATE, "email": [f"oncall@wdai.org {text}" for text in RATE]}


def test_queue_just_under_and_over(watch):
    """100 rows wait: nothing. One more: one page; resolved when one is gone."""
    rows = watch.wait_in_line(100)
    watch.minutes(3)
    assert watch.told() == {}

    watch.wait_in_line(1)
    watch.minutes(3)
    assert watch.told() == {"pagerduty": ["job-queue-critical triggered 1"]}

    watch.query("UPDATE ops.inbox SET state = 'ignored' WHERE id = %s RETURNING 1", rows[0])
    watch.minutes(3)
    assert watch.told() == {"pagerduty": ["job-queue-critical resolved 1"]}


def test_mailchimp_just_under(watch):
    """Five failures of the sync in fifteen minutes, and any number of another job's, are not it."""
    watch.rules = (RULES["mailchimp_sync_failing"],)
    watch.runs(bad=5)
    watch.runs(bad=9, name="luma_auto_approval")

    watch.minutes(20)

    assert watch.told() == {}


def test_mailchimp_just_over(watch):
    """Six are: Slack and the telephone, once each."""
    watch.rules = (RULES["mailchimp_sync_failing"],)
    watch.runs(bad=6)

    watch.minutes(14)
    during = watch.told()
    watch.minutes(6)

    assert during == {"slack": SYNC_FAILS[:1], "sms": SYNC_FAILS[:1]}
    assert watch.told() == {"slack": SYNC_FAILS, "sms": SYNC_FAILS}


def test_letters_just_under_and_over(watch):
    """20 open letters: nothing. One more: one mail, and one when it is dealt with."""
    watch.dead(20)
    watch.minutes(3)
    assert watch.told() == {}

    watch.dead(1)
    watch.minutes(3)
    assert watch.told() == {"email": [f"engineering@wdai.org {LETTERS[0]}"]}

    watch.query("UPDATE ops.dead_letters SET state = 'abandoned' WHERE id = 1 RETURNING 1")
    watch.minutes(3)
    assert watch.told() == {"email": [f"engineering@wdai.org {text}" for text in LETTERS]}


def test_ten_thousand_failures_in_a_minute(watch):
    """H6: each rule that fires tells each channel once, and evaluating takes no longer for it."""
    now = watch.clock.now()
    watch.query(
        "INSERT INTO ops.job_runs (job, dag_run_id, status, started_at, finished_at, tries, ends_left)"
        " SELECT %s, 'flood_' || n, 'failed', %s, %s, 1, '{}' FROM generate_series(1, 10000) AS n RETURNING 1",
        *(SYNC, now - timedelta(seconds=2), now),
    )

    watch.minutes(4)

    assert watch.told() == {
        "slack": [RATE[0], SYNC_FAILS[0]],
        "email": [f"oncall@wdai.org {RATE[0]}"],
        "sms": SYNC_FAILS[:1],
    }


def test_message_leads_to_the_runs(watch):
    """The newest failed runs of the job, as pages in Airflow's UI; and the runbook."""
    watch.rules = (RULES["mailchimp_sync_failing"],)
    watch.runs(bad=6)

    watch.minute()

    [message] = watch.sandbox.ask("GET", "state/slack")["messages"]
    assert message["text"].count("<https://airflow.example.org/dags/mailchimp_sync/runs/run_") == 3
    assert "docs/runbooks/mailchimp_sync_failing.md" in message["text"]


def test_message_lists_the_runs_that_it_counts(watch):
    """The watchers' own failures are in no number, and so in no list."""
    watch.runs(good=4)
    watch.runs(bad=1)
    watch.runs(bad=1, name="reconciliation")

    watch.minute()

    [text] = [m["text"] for m in watch.sandbox.ask("GET", "state/slack")["messages"]]
    assert "In the window 1 of 5 runs failed" in text
    assert (text.count("• <"), f"{SYNC} run_5" in text) == (1, True)


def test_nothing_runs_is_no_failure(watch):
    """H3: without a run there is no rate, and 1 failed of 1 is one: `min_samples` is 1 unless a rule says more."""
    watch.rules = (RULES["job_failure_rate_high"],)
    watch.minutes(3)
    assert watch.told() == {}

    watch.runs(bad=1)
    watch.minute()

    assert watch.slack() == RATE[:1]


def test_the_watcher_does_not_watch_itself(watch):
    """A run of the rules that fails, because a channel does, must not make its own alert."""
    watch.runs(bad=9, name="alert_rules")

    watch.minutes(2)

    assert watch.told() == {}


def test_silence_is_one_message_that_says_why_and_what_to_do(watch):
    """Cause, since when, what is missing, what to do; told once, and its end."""
    watch.minutes(2)
    assert watch.told() == {}
    watch.quiet()
    watch.minutes(5)
    watch.store.webhooks.end("stripe", ["endpoint_disabled"], now=watch.clock.now())
    watch.minutes(3)

    assert watch.told() == {"slack": both("webhooks_silent", "high")}
    [message] = [
        one["text"]
        for one in watch.sandbox.ask("GET", "state/slack")["messages"]
        if "FIRING: webhooks_silent" in one["text"]
    ]
    assert (
        "Stripe's endpoint is disabled, since 2026-11-24 12:02:00 UTC; 3 events did not come, and were read from the"
        " vendor's list. To do: ./ops rotate"
    ) in message
    assert "docs/runbooks/webhooks_silent.md" in message


def test_backtest_reproduces_what_fired(watch):
    """From what is kept of each minute: the same rules at the same minutes, and the same ends."""
    watch.minutes(1)
    watch.clock.advance(timedelta(seconds=30))
    watch.runs(good=2, bad=7)
    watch.clock.advance(timedelta(seconds=-30))
    watch.dead(21)
    watch.minutes(3)
    watch.query("UPDATE ops.dead_letters SET state = 'abandoned' RETURNING 1")
    watch.wait_in_line(130)
    watch.minutes(3)
    watch.query("UPDATE ops.inbox SET state = 'ignored' RETURNING 1")
    watch.quiet()
    watch.minutes(3)
    watch.store.webhooks.end("stripe", ["endpoint_disabled"], now=watch.clock.now())
    watch.minutes(11)

    now = watch.clock.now()
    played = backtest(watch.rules, watch.store.alerts.samples(NOON - timedelta(days=1), now))
    kept = watch.store.alerts.events(NOON, now)

    def shown(events):
        return sorted((e.rule, e.what.value, e.at) for e in events)

    found = [(f.rule, "fired", f.fired_at) for f in played]
    found += [(f.rule, "resolved", f.resolved_at) for f in played if f.resolved_at]
    assert sorted(found) == shown(kept)
    assert {f.rule for f in played} == set(RULES)
    assert all(f.resolved_at for f in played)
