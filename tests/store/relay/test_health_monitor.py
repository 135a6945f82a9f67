"""The relay's own alarms, without Airflow (H5): told once when they begin, once when they end."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from include.relay.database import Connect
from include.relay.health_monitor import HealthMonitor
from tests.jobs.conftest import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def make_watch(settings, clock, sandbox):
    """Make a relay's watch; several are several relays on one database."""
    made = []

    def make(*urls):
        url = f"{sandbox.url}/slack/services/T0SANDBOX01/B0OPSBOT001/sandbox"
        told = settings.model_copy(update={"watch_urls": tuple(map(SecretStr, (*urls, url)))})
        watch = HealthMonitor(told, connect=Connect(settings.database_url, 5), clock=clock)
        made.append(watch)
        return watch

    yield make
    for watch in made:
        watch._client.close()


@pytest.fixture
def watch(make_watch):
    """Give one relay's watch."""
    return make_watch()


def evaluated(store, clock):
    """Have the alert rules evaluated now."""
    store.alerts.note_evaluation(now=clock.now())


def pass_time(watch, clock, minutes, *, store=None):
    """Turn the watch every ten seconds; with a store the rules are evaluated each minute."""
    for turn in range(int(minutes * 6)):
        clock.advance(10 * SECOND)
        if store and turn % 6 == 0:
            evaluated(store, clock)
        watch.turn()


def messages(sandbox):
    return [message["text"] for message in sandbox.ask("GET", "state/slack")["messages"]]


def test_all_is_well(watch, clock, store, sandbox):
    """Nobody hears anything."""
    pass_time(watch, clock, 20, store=store)

    assert messages(sandbox) == []
    assert set(watch.health.parts.values()) == {"healthy"}


def test_airflow_is_unreachable(watch, airflow, clock, store, sandbox):
    """Told after a minute of silence, once; and once when it answers again."""
    pass_time(watch, clock, 1, store=store)
    address, watch._airflow_url = watch._airflow_url, "http://127.0.0.1:9"
    pass_time(watch, clock, 0.8, store=store)
    assert messages(sandbox) == []

    pass_time(watch, clock, 5, store=store)
    assert len(messages(sandbox)) == 1
    assert messages(sandbox)[0].startswith("airflow_unreachable: Airflow does not answer")

    watch._airflow_url = address
    pass_time(watch, clock, 5, store=store)
    assert len(messages(sandbox)) == 2
    assert messages(sandbox)[1].startswith("airflow_unreachable resolved: it lasted ")


def test_alert_rules_stop(watch, clock, store, sandbox):
    """H5: within ten minutes somebody knows; once, and once when they run again."""
    pass_time(watch, clock, 3, store=store)
    pass_time(watch, clock, 4)
    assert messages(sandbox) == []

    pass_time(watch, clock, 6)
    (text,) = messages(sandbox)
    assert text.startswith("alert_rules_stopped: the alert rules are not evaluated")

    pass_time(watch, clock, 3, store=store)
    assert [text.split(":")[0] for text in messages(sandbox)] == [
        "alert_rules_stopped",
        "alert_rules_stopped resolved",
    ]


def test_alert_rules_that_never_ran(watch, clock, store, sandbox):
    """A DAG that is paused from the start is as silent as one that stopped."""
    pass_time(watch, clock, 6)

    assert len(messages(sandbox)) == 1


def test_rules_that_fail_are_not_evaluated(watch, clock, store, sandbox):
    """A red run is none in which they were evaluated, unless it says so."""
    for _ in range(36):
        clock.advance(10 * SECOND)
        store.job_runs.fail(
            "alert_rules",
            f"run_{clock.now():%H%M%S}",
            error_class="E",
            reason=None,
            now=clock.now(),
        )
        watch.turn()

    assert len(messages(sandbox)) == 1


def test_two_relays_tell_once(make_watch, clock, sandbox):
    """They agree through the database."""
    first, second = make_watch(), make_watch()
    for _ in range(60):
        clock.advance(10 * SECOND)
        first.turn()
        second.turn()

    assert len(messages(sandbox)) == 1


def test_relay_that_sees_airflow_does_not_end_what_another_sees(make_watch, clock, store, sandbox):
    """One host has lost its way to Airflow: firing and resolved must not take turns."""
    blind, seeing = make_watch(), make_watch()
    blind._airflow_url = "http://127.0.0.1:9"
    for _ in range(60):
        clock.advance(10 * SECOND)
        evaluated(store, clock)
        blind.turn()
        seeing.turn()

    assert len(messages(sandbox)) == 1


def test_restarted_relay_resolves_nothing(make_watch, clock, sandbox):
    """A relay that has just begun to listen has heard no silence, and no end of it."""
    pass_time(make_watch(), clock, 6)

    pass_time(make_watch(), clock, 3)

    assert len(messages(sandbox)) == 1


def test_message_that_is_not_taken_is_sent_again(watch, clock, sandbox):
    """Slack is down when the alarm begins: it is told when Slack is back."""
    sandbox.fault("slack", "status", status=503, times=3)
    pass_time(watch, clock, 5.2)
    assert messages(sandbox) == []

    pass_time(watch, clock, 2)

    assert len(messages(sandbox)) == 1
    assert sandbox.fired() == 3


def test_address_that_takes_nothing_holds_up_no_other(make_watch, clock, sandbox):
    """One has moved away: the other hears once, of the beginning and of the end; the first is asked less and less."""
    gone = f"{sandbox.url}/slack/services/T0SANDBOX01/B0OPSBOT001/moved-away"
    sandbox.fault("slack", "status", status=404, path="*moved-away")
    watch, another = make_watch(gone), make_watch(gone)
    pass_time(watch, clock, 6)
    pass_time(another, clock, 3)

    assert len(messages(sandbox)) == 1
    assert 3 < sandbox.fired() < 12


def test_address_that_comes_back_hears_what_it_has_missed(make_watch, store, clock, sandbox):
    """Its neighbour has heard of the beginning and does not hear it again."""
    sandbox.ask("PATCH", "settings", json={"slack_limits": False})
    sandbox.fault("slack", "status", status=503, times=1)
    url = f"{sandbox.url}/slack/services/T0SANDBOX01/B0OPSBOT001/sandbox"
    watch = make_watch(f"{url}?another")
    pass_time(watch, clock, 5)
    assert len(messages(sandbox)) == 1

    pass_time(watch, clock, 1)
    assert len(messages(sandbox)) == 2
    pass_time(watch, clock, 3, store=store)
    assert len(messages(sandbox)) == 4


def test_something_else_answers(watch, airflow, clock):
    """A proxy's page, or half an answer, is no beat."""
    airflow.parts = {"scheduler": "healthy", "triggerer": None}
    watch.turn()
    assert watch.health.parts == {
        "metadatabase": "silent",
        "scheduler": "healthy",
        "triggerer": "silent",
        "dag_processor": "silent",
    }


def test_alarms_are_there_to_be_read(watch, store, clock):
    """`/health/jobs` and `/metrics` show what goes on."""
    pass_time(watch, clock, 6)

    assert [alarm.name for alarm in store.relay_alarms.firing()] == ["alert_rules_stopped"]
