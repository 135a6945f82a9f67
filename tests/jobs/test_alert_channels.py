"""Channels of alerts that fail, refuse or lose their answer."""

import psycopg
import pytest

from include.alerts.rules import Target
from include.errors import VendorUnavailableError
from tests.jobs.alert_world import EVERY, FIRING, MAIL, PHONE, RESOLVED, rules, told

# --- channels that fail ---


def test_failing_channel_is_tried_again(watch):
    """A mail server that is down for a minute makes the mail late, and the failure is told."""
    watch.instead = ()
    watch.sandbox.fault("mail", "status", status=451, times=1)

    failed = watch.minute(dlq_count=21)
    again = watch.minute()

    assert watch.sandbox.fired() == 1
    assert failed.summary == (
        "alert channels failed: email on…: the mail server answers 451; 1 alerts reached nobody"
    )
    assert again.failures == []
    assert watch.mails() == [FIRING]


def test_next_channel_is_used_meanwhile(watch):
    """Who is told instead reads why, and hears of the end too; the first channel is not told what is over."""
    watch.rules = rules(("pagerduty", "a-service"))
    watch.sandbox.fault("pagerduty", "status", status=503)

    failed = watch.minute(dlq_count=21)
    text = watch.mail()
    watch.minute(dlq_count=0)
    watch.sandbox.ask("DELETE", "faults")
    watch.minute(dlq_count=0)

    assert watch.mails() == [FIRING, RESOLVED]
    assert "Not delivered by pagerduty a-service: PagerDuty answers 503" in text
    assert failed.unheard == []
    assert watch.pages() == []
    assert watch.states() == [("pagerduty", "dropped"), ("email", "done"), ("email", "done")]


def test_all_channels_are_tried_in_their_order(watch):
    """Two are down: the third it is."""
    watch.rules = rules(("pagerduty", "a-service"))
    watch.sandbox.fault("pagerduty", "status", status=503)
    watch.sandbox.fault("mail", "status", status=421)

    delivery = watch.minute(dlq_count=21)

    assert watch.texts() == [FIRING]
    assert len(delivery.failures) == 2
    assert delivery.unheard == []


def test_second_channel_of_the_rule_is_enough(watch):
    """Where the rule names another channel that works, nobody else is woken; it says what failed."""
    watch.rules = rules(("pagerduty", "a-service"), ("email", MAIL))
    watch.sandbox.fault("pagerduty", "status", status=503, times=1)

    watch.minute(dlq_count=21)
    text = watch.mail()
    watch.minute()

    assert watch.texts() == []
    assert "Not delivered by pagerduty" in text
    assert (watch.mails(), watch.pages()) == ([FIRING], [("triggered", 1)])


def test_nobody_can_be_told(watch):
    """All are down: it is said, and tried again until one works."""
    for vendor in ("pagerduty", "mail"):
        watch.sandbox.fault(vendor, "status", status=451)
    watch.instead = watch.instead[:2]

    delivery = watch.minute(dlq_count=21)
    watch.sandbox.ask("DELETE", "faults")
    watch.minute()

    assert delivery.unheard
    assert watch.mails() == [FIRING]


def test_tries_come_to_an_end(watch):
    """A channel that fails for ten minutes has had its tries."""
    watch.rules = rules(("pagerduty", "a-service"))
    watch.sandbox.fault("pagerduty", "status", status=503)

    for _ in range(14):
        watch.minute(dlq_count=21)

    assert watch.sandbox.fired() == 10
    assert watch.states() == [("pagerduty", "failed"), ("email", "done")]


def test_refused_message_is_not_tried_again(watch):
    """A mailbox that does not exist does not exist in a minute either."""
    watch.sandbox.fault("mail", "status", status=550, times=1)

    watch.minute(dlq_count=21)
    watch.minute()

    assert watch.states() == [("email", "failed"), ("pagerduty", "done")]


def test_channel_that_is_away_is_asked_once_a_pass(watch):
    """Ten messages would wait for ten time-outs, and the other channels with them."""
    watch.rules = rules(("pagerduty", "a"), ("pagerduty", "b"), ("pagerduty", "c"), ("email", MAIL))
    watch.sandbox.fault("pagerduty", "status", status=503)

    watch.minute(dlq_count=21)

    assert (watch.sandbox.fired(), watch.mails()) == (1, [FIRING])
    watch.sandbox.ask("DELETE", "faults")
    watch.minute()
    assert watch.states() == [("pagerduty", "done")] * 3 + [("email", "done")]


def test_message_that_is_refused_holds_up_no_other(watch):
    """PagerDuty does not take one event; the next one it takes, also in place of another channel."""
    watch.rules = rules(("pagerduty", "a"), ("pagerduty", "b"))
    watch.sandbox.fault("pagerduty", "status", status=400, times=1)

    delivery = watch.minute(dlq_count=21)

    assert watch.states() == [("pagerduty", "failed"), ("pagerduty", "done")]
    assert delivery.unheard == []


def test_address_that_is_refused_is_not_the_channels_failure(watch):
    """A mailbox is gone: another one is told by mail, not by telephone."""
    watch.rules = rules(("email", "gone@example.org"))
    watch.instead = (Target(channel="email", to=MAIL), *watch.instead[1:])
    watch.sandbox.fault("mail", "status", status=550, times=1)

    watch.minute(dlq_count=21)

    assert watch.states() == [("email", "failed"), ("email", "done")]
    assert watch.mails() == [FIRING]


def test_lost_answer_of_a_mail_is_not_sent_twice(watch):
    """It may have arrived, so this channel is left alone; and it may not have, so the next is told."""
    watch.sandbox.fault("mail", "lost_answer", times=1)

    watch.minute(dlq_count=21)
    watch.minute()

    assert watch.mails() == [FIRING]
    assert watch.states() == [("email", "uncertain"), ("pagerduty", "done")]


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_lost_answer_of_a_text_message_is_looked_up(watch, kind):
    """Twilio is asked what it has: sent once, whatever became of the first try."""
    watch.rules = rules(("sms", PHONE))
    watch.sandbox.fault("twilio", kind, method="POST", times=1)

    watch.minute(dlq_count=21)
    watch.minute()

    assert watch.sandbox.fired() == 1
    assert watch.texts() == [FIRING]
    assert ("sms", "done") in watch.states()


class Killed(BaseException):
    """The task is killed here."""


@pytest.mark.parametrize("channel", ["email", "pagerduty", "sms"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_task_leaves_nothing_uncertain(watch, channel, moment):
    """Killed before or after the call: told once where that can be known, and somebody in any case."""
    watch.rules = rules((channel, dict(EVERY)[channel]))
    real = watch.channels[channel]

    class Deadly:
        is_repeatable, was_sent = real.is_repeatable, real.was_sent

        def send(self, to, message):
            if moment == "after":
                real.send(to, message)
            raise Killed

    watch.channels[channel] = Deadly()
    with pytest.raises(Killed):
        watch.minute(dlq_count=21)
    watch.channels[channel] = real

    for _ in range(4):
        watch.minute()

    mails, pages, texts = told(watch)
    found = {"email": len(mails), "pagerduty": len(pages), "sms": len(texts)}
    assert found[channel] <= 1
    assert sum(found.values()) >= 1
    if channel != "email":
        assert found[channel] == 1
        assert sum(found.values()) == 1


def test_killed_evaluation_leaves_nothing(watch):
    """What happened and who is to be told are written together."""

    def deadly(*_):
        raise psycopg.OperationalError("gone")

    real, watch.of = watch.of, deadly
    with pytest.raises(psycopg.OperationalError):
        watch.minute(dlq_count=21)
    assert watch.store.alerts.evaluated_at() is None

    watch.of = real
    watch.minute()

    assert watch.mails() == [FIRING]


def test_channel_without_a_connection_is_one_that_fails(watch):
    """A channel nobody has set up says so, and another one is used."""

    class Unset:
        is_repeatable = True

        def send(self, _to, _message):
            raise VendorUnavailableError("the connection `smtp` is not set up")

    watch.channels["email"] = Unset()

    delivery = watch.minute(dlq_count=21)

    assert "the connection `smtp` is not set up" in delivery.summary
    assert watch.pages() == [("triggered", 1)]


def test_no_address_is_in_what_is_said(watch, capsys):
    """Not in the summary, which becomes an error text, and not in a log."""
    watch.rules = rules(*EVERY)
    for vendor in ("mail", "twilio", "pagerduty"):
        watch.sandbox.fault(vendor, "status", status=500)

    delivery = watch.minute(dlq_count=21)

    shown = delivery.summary + "".join(capsys.readouterr())
    assert len(delivery.failures) == 3
    assert MAIL not in shown
    assert PHONE not in shown
