"""An alert that somebody has acknowledged or silenced: quiet for its time, by name, and over by itself."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest

from include.alerts.history import Sample
from include.alerts.pauses import Pause, PauseKind
from include.alerts.rules import load
from include.alerts.states import AlertState, Phase, RuleReading
from include.failures.breakers import note_failures, note_success
from tests.jobs.alert_world import MAIL, NOON, Watch, rules
from tests.jobs.console.conftest import plain

FIRING, STILL, RESOLVED = (
    f"{head}: a_rule (critical)" for head in ("FIRING", "STILL FIRING", "RESOLVED")
)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def watch(store, sandbox):
    """Give a world whose rule tells one mailbox, again each two minutes."""
    return Watch(store, sandbox, rules(("email", MAIL), repeat="2m"))


def pause(watch, **details):
    watch.store.alerts.pause(
        Pause(rule="a_rule", actor="user:grace", why="known", made_at=NOON, **details)
    )


def test_acknowledged_is_not_told_again_until_the_next_time(watch):
    """Its end is told; the next firing is too."""
    watch.minute(dlq_count=21)
    fired_at = watch.store.alerts.states()["a_rule"].fired_at
    pause(watch, kind=PauseKind.ACKNOWLEDGED, fired_at=fired_at)

    for count in (21, 21, 21, 21, 0, 21):
        watch.minute(dlq_count=count)

    assert watch.mails() == [FIRING, RESOLVED, FIRING]


def test_silenced_tells_nothing_and_then_what_still_fires(watch):
    """A beginning in the silence is told when it is over, once; one that came and went in it never."""
    pause(watch, kind=PauseKind.SILENCED, until=NOON + 5 * MINUTE)
    for count in (21, 0, 21, 21):
        watch.minute(dlq_count=count)
    assert watch.mails() == []

    for count in (21, 21, 0):
        watch.minute(dlq_count=count)

    assert watch.mails() == [STILL, RESOLVED]


def test_inhibited_is_quiet_while_the_vendor_is_down_and_no_longer(watch):
    """What still fires once it answers is told; its next outage is another one, of which nobody has said anything."""
    store = watch.store
    note_failures("mailchimp", ["ada"], reason="down", store=store, now=NOON, opens_after=1)
    pause(watch, kind=PauseKind.INHIBITED, vendor="mailchimp", down_since=NOON)
    for count in (21, 21, 21):
        watch.minute(dlq_count=count)
    assert watch.mails() == []

    note_success("mailchimp", store=store, clock=watch.clock)
    watch.minute(dlq_count=21)
    watch.minute(dlq_count=0)
    assert watch.mails() == [STILL, RESOLVED]
    later = watch.clock.now()
    note_failures("mailchimp", ["ada"], reason="down", store=store, now=later, opens_after=1)
    watch.minute(dlq_count=21)

    assert watch.mails() == [STILL, RESOLVED, FIRING]


def test_alert_is_inhibited_in_the_console(console, store, world):
    """Only while a vendor is down; who else may not."""
    form = {"rule": load()[0].name, "act": "inhibit", "vendor": "mailchimp", "why": "it follows"}
    assert console().submit("/alerts/act", **form).status_code == 403
    said = plain(console("operator").submit("/alerts/act", **form).text)
    assert "Nothing is changed: that vendor is not down any more." in said
    assert "Inhibit" not in console("operator").text("/alerts")

    note_failures(
        "mailchimp", ["ada"], reason="down", store=store, now=world.clock.now(), opens_after=1
    )
    said = plain(console("operator").submit("/alerts/act", **form).text)

    assert "Quiet while Mailchimp is down" in said
    assert "Inhibited by operator while Mailchimp is down: it follows" in said
    [row] = world.query("SELECT metadata FROM ops.audit_log WHERE action = 'alert:inhibit'")
    assert row["metadata"] == {"why": "it follows", "vendor": "mailchimp"}


def test_alert_is_silenced_acknowledged_and_told_again_in_the_console(console, store, world):
    """By an operator, with a reason and a time; who else may not; each is in the audit log."""
    rule = load()[0].name
    form = {"rule": rule, "act": "silence", "hours": "4", "why": "Slack is moved"}
    assert console().submit("/alerts/act", **form).status_code == 403

    said = plain(console("operator").submit("/alerts/act", **form).text)
    assert "Silenced until" in said
    assert "Silenced by operator until" in console("viewer").text("/alerts")
    assert "Slack is moved" in said
    said = plain(console("operator").submit("/alerts/act", **{**form, "act": "end"}).text)
    assert "Taken back" in said
    said = plain(console("operator").submit("/alerts/act", **{**form, "act": "acknowledge"}).text)
    assert "Nothing is changed: it does not fire any more." in said
    now = world.clock.now()
    firing = AlertState(
        rule=rule,
        phase=Phase.FIRING,
        since=now,
        fired_at=now,
        told_at=now,
        reading=RuleReading(holds=True),
    )
    store.alerts.save([firing], now=now)
    said = plain(console("operator").submit("/alerts/act", **{**form, "act": "acknowledge"}).text)

    assert "Acknowledged by operator until it is over: Slack is moved" in said
    actions = [row["action"] for row in world.query("SELECT action FROM ops.audit_log ORDER BY id")]
    assert actions == ["console:refused", "alert:silence", "alert:end", "alert:acknowledge"]
    for wrong in ({"hours": "9999"}, {"rule": "none"}, {"act": "x"}, {"why": ""}):
        page = plain(console("operator").submit("/alerts/act", **{**form, **wrong}).text)
        assert "Nothing is changed: " in page


def test_rule_shows_its_numbers_and_what_it_would_have_fired(console, world):
    """Each number as a line with its limit; a firing that was not told stands beside a "no"; who may see may see it."""
    rule = next(one for one in load() if one.name == "dlq_items_accumulating")
    now = world.clock.now().replace(second=0, microsecond=0)
    counts = {7: 3, 6: 25, 5: 25, 4: 0, 3: 0}
    world.store.alerts.add_samples(
        Sample(
            at=now - minutes * MINUTE,
            job=None,
            since=now - (minutes + 1) * MINUTE,
            success_count=0,
            failure_count=0,
            lost_count=0,
            running_jobs=0,
            queued_jobs=0,
            dlq_count=count,
            oldest_waiting_seconds=0,
            silent_minutes=None,
        )
        for minutes, count in counts.items()
    )
    assert f'href="/alerts/{rule.name}"' in console("viewer").get("/alerts").text

    page = console("viewer").get(f"/alerts/{rule.name}").text

    assert "5 minutes of numbers are kept" in plain(page)
    assert "dlq_count: between 0 and 25." in plain(page)
    [chart] = (json.loads(unescape(one)) for one in re.findall(r'data-chart="([^"]*)"', page))
    highest, lowest, limit = (
        {one for one in line["values"] if one is not None} for line in chart["series"]
    )
    assert (max(highest), min(lowest), limit) == (25, 0, {20})
    began, ended = (f"{now - minutes * MINUTE:%H:%M}" for minutes in (6, 4))
    assert re.search(rf"{began}\S* UTC until .*{ended}.* no .*dlq_count 25", plain(page))
    assert "It would not have fired, and it did not." in console().text("/alerts/webhooks_silent")
    assert console().get("/alerts/none").status_code == 404
    assert console().get(f"/alerts/{rule.name}?days=9999").status_code == 422
