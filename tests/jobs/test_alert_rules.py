"""The job `alert_rules`: one message per firing and channel, whatever fails or dies on the way."""

import threading
from datetime import timedelta

from include.store import Store
from tests.jobs.alert_world import EVERY, FIRING, MAIL, RESOLVED, STILL, Watch, rules, told


def test_every_named_channel_is_told_once_and_hears_of_the_end_once(watch):
    """However long it lasts, and however often the rules are evaluated."""
    watch.rules = rules(*EVERY)

    for count in (20, 21, 500, 21, 20, 20):
        watch.minute(dlq_count=count)

    assert told(watch) == ([FIRING, RESOLVED], [("resolved", 1)], [FIRING, RESOLVED])
    assert {state for _, state in watch.states()} == {"done"}


def test_ten_thousand_failures_are_one_message(watch):
    """The number is in the message; the message is not sent ten thousand times."""
    watch.rules = rules(("email", MAIL), condition="failure_count > 5")

    for _ in range(5):
        watch.minute(failure_count=10_000, total_runs=10_001)

    assert watch.mails() == [FIRING]
    assert "In the window 10000 of 10001 runs failed" in watch.mail()


def test_repeats_come_as_often_as_the_rule_says(watch):
    """Every three minutes while it lasts."""
    watch.rules = rules(("email", MAIL), repeat="3m")

    for count in (21, 21, 21, 21, 21, 21, 0):
        watch.minute(dlq_count=count)

    assert watch.mails() == [FIRING, STILL, RESOLVED]


def test_missed_minutes_do_not_confuse_for(watch):
    """Airflow was away for ten minutes: what held all the time has held for five."""
    watch.rules = rules(("email", MAIL), for_="5m")
    watch.minute(dlq_count=21)
    watch.clock.advance(timedelta(minutes=9))

    watch.minute()

    assert watch.mails() == [FIRING]
    assert "Since 2026-11-24 12:01:00 UTC" in watch.mail()


def test_break_in_the_missed_minutes_counts(watch):
    """Of the minutes that were missed the numbers are known: one without is a break."""
    watch.rules = rules(("email", MAIL), for_="5m")
    watch.minute(dlq_count=21)
    gap = watch.clock.now() + timedelta(minutes=7)
    watch.of = lambda now, _window, _job: {"dlq_count": 0 if now == gap else 21}
    watch.clock.advance(timedelta(minutes=9))

    watch.minute()

    assert watch.mails() == []
    assert watch.store.alerts.states()["a_rule"].since == gap + timedelta(minutes=1)


def test_what_came_and_went_unseen_is_kept_and_not_told(watch):
    """Nobody is woken for what is over; a backtest finds it."""
    watch.minute(dlq_count=0)
    begin = watch.clock.now()
    watch.of = lambda now, *_: {"dlq_count": 21 * (now == begin + timedelta(minutes=2))}
    watch.clock.advance(timedelta(minutes=4))

    watch.minute()

    assert watch.mails() == []
    events = watch.store.alerts.events(begin, watch.clock.now())
    assert [event.what.value for event in events] == ["fired", "resolved"]


def test_clock_that_goes_back_changes_nothing(watch):
    """A task that is cleared, or a machine whose clock is wrong, does not undo what is known."""
    watch.minute(dlq_count=21)
    watch.clock.advance(timedelta(minutes=-1))

    assert watch.evaluate(dlq_count=0).states == ()

    watch.deliver()
    assert watch.mails() == [FIRING]


def test_clock_that_was_far_ahead_does_not_stop_the_watch(watch):
    """Evaluated an hour ahead by a wrong clock: the right one goes on at once, not in an hour."""
    watch.clock.advance(timedelta(hours=1))
    watch.minute(dlq_count=21)
    watch.clock.advance(timedelta(hours=-1))

    watch.minute(dlq_count=0)

    assert watch.store.alerts.evaluated_at() == watch.clock.now()
    watch.clock.advance(timedelta(hours=2))
    watch.deliver()
    assert watch.mails() == [FIRING, RESOLVED]


def test_two_evaluations_at_once_are_one(watch, database, sandbox):
    """A run by hand beside the scheduled one: one waits, finds all done, and tells nobody."""
    watch.minute(dlq_count=0)
    watch.clock.advance(timedelta(minutes=1))
    others = [Watch(Store.connect(database), sandbox, watch.rules) for _ in range(4)]
    threads = []
    for other in others:
        other.clock = watch.clock
        threads.append(
            threading.Thread(target=lambda w=other: (w.evaluate(dlq_count=21), w.deliver()))
        )

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.store.close()

    assert watch.mails() == [FIRING]


def test_rule_that_is_taken_away_ends(watch):
    """Who was told that it fires is told that it is no rule any more."""
    watch.minute(dlq_count=21)
    watch.rules = ()

    watch.minute()
    watch.minute()

    assert watch.mails() == [FIRING, RESOLVED]
    assert "The rule was taken away" in watch.mail()
