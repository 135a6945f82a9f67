"""What messages say."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from include.alerts.readings import reading_of
from include.alerts.rules import load, rules_from
from include.alerts.states import AlertEventType, AlertState, alert_event_from, step
from include.alerts.texts import AlertMessage, Link, message_of, span
from include.links import Links

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EXAMPLE = Link(text="run a", url="https://airflow.example.org/a")

LINKS = Links(
    airflow_url="https://airflow.example.org",
    runbook_url="https://example.org/runbooks/",
    command="docker compose run --rm ops",
)


def fired(name="mailchimp_sync_failing", **numbers):
    """Return a rule of ours, and the change that these numbers make of it."""
    rule = next(rule for rule in load() if rule.name == name)
    reading = reading_of(rule, dict.fromkeys(rule.candidates(), numbers))
    state, what = step(rule, AlertState(rule=name), reading, now=NOON)
    return rule, alert_event_from(state, what, at=NOON, since=None)


def told(rule, change):
    """Return the message of a change."""
    return message_of(rule, change, examples=[EXAMPLE], links=LINKS)


def test_message_says_what_since_when_how_many_and_where_to_look():
    """All that the person who is woken needs."""
    condition = 'job_name = "mailchimp-sync" AND failure_count > 5'

    message = told(*fired(failure_count=6, total_runs=40))

    assert message.lines == (
        "FIRING: mailchimp_sync_failing (high)",
        f"failure_count 6 of mailchimp_sync, rule: {condition}, window 15m",
        "Since 2026-11-24 12:00:00 UTC",
        "In the window 6 of 40 runs failed",
        "Look first: docker compose run --rm ops status",
        "run a: https://airflow.example.org/a",
        "Runbook: https://example.org/runbooks/mailchimp_sync_failing.md",
    )


def test_causes_come_first():
    """They are what a text message has room for."""
    rule, change = fired("webhooks_silent", silent_minutes=12)

    message = message_of(rule, change, examples=[], links=LINKS, causes=["Stripe's is disabled"])

    assert message.facts[0] == "Stripe's is disabled"
    assert "Stripe's is disabled" in message.short
    assert message.lines[2] == "silent_minutes 12, rule: silent_minutes > 0, window 15m"


def test_end_says_how_long_it_lasted():
    """And bears the key of the beginning, and no examples."""
    rule, change = fired("dlq_items_accumulating", dlq_count=21)
    begun = told(rule, change)
    state = AlertState(rule=rule.name, fired_at=NOON, since=NOON)
    ended = alert_event_from(
        state, AlertEventType.RESOLVED, at=NOON + timedelta(minutes=95), since=NOON
    )

    message = told(rule, ended)

    assert message.title == "RESOLVED: dlq_items_accumulating (medium)"
    assert "It fired for 1h 35m, until 2026-11-24 13:35:00 UTC" in message.facts
    assert message.key == begun.key
    assert message.examples == ()


def test_short_form_fits_a_telephone():
    """Two parts of a text message at most, whatever the rule is like."""
    rule, change = fired(failure_count=6, total_runs=40)
    long = rule.model_copy(update={"runbook": "https://example.org/" + "x" * 500})

    assert len(told(long, change).short) == 300


def test_message_survives_being_kept():
    """It is written down when it comes up, so that every try says the same."""
    message = told(*fired(failure_count=6))

    assert AlertMessage.from_document(orjson.loads(orjson.dumps(message.document()))) == message


@pytest.mark.parametrize(
    ("ended", "failed", "samples", "holds"),
    [
        (10, 1, 1, False),
        (10, 2, 1, True),
        (1, 1, 1, True),
        (19, 19, 20, False),
        (20, 3, 20, True),
        (0, 0, 1, False),
    ],
)
def test_rates_of_few_runs_are_unknown(ended, failed, samples, holds):
    """`min_samples`: 1 unless the rule says more, so 1 failed of 1 fires, and none of none does not."""
    [rule] = rules_from(
        "alerts: [{name: r, condition: failure_rate > 0.1, window: 5m, severity: low,"
        f" min_samples: {samples}, notify: [{{slack: '#a'}}]}}]",
        file="alerts.yaml",
        jobs=frozenset(),
    )
    rate = failed / ended if ended else None

    reading = reading_of(rule, {None: {"failure_rate": rate, "total_runs": ended}})

    assert reading.holds is holds


def test_the_job_that_fulfils_a_condition_is_told():
    """Of several that may, the first that does."""
    [rule] = rules_from(
        "alerts: [{name: r, condition: 'job_name != \"a\" AND failure_count > 5', window: 5m,"
        " severity: low, notify: [{slack: '#a'}]}]",
        file="alerts.yaml",
        jobs=frozenset("abc"),
    )

    reading = reading_of(rule, {"b": {"failure_count": 1}, "c": {"failure_count": 9}})

    assert (reading.holds, reading.job, reading.numbers["failure_count"]) == (True, "c", 9)


def test_spans_are_written_as_the_rules_write_them():
    """Two parts at most."""
    found = [span(timedelta(seconds=seconds)) for seconds in (0, 59, 90, 3600, 5400, 90_061)]

    assert found == ["0s", "59s", "1m 30s", "1h", "1h 30m", "1d 1h"]
