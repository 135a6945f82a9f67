"""Playing minutes again."""

from datetime import UTC, datetime, timedelta

from include.alerts.history import Sample, SampleHistory, backtest, untellable
from include.alerts.rules import load, rules_from

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = {rule.name: rule for rule in load()}


def sample(minute, *, job=None, good=0, bad=0, **gauges):
    """Make what was kept of a minute."""
    usual = {
        "running_jobs": 0,
        "queued_jobs": 0,
        "dlq_count": 0,
        "oldest_waiting_seconds": 0.0,
        "silent_minutes": 0.0,
    }
    at = NOON + minute * MINUTE
    return Sample(
        at=at,
        job=job,
        since=at - MINUTE,
        success_count=good,
        failure_count=bad,
        lost_count=0,
        **{**usual, **gauges},
    )


def times(found):
    """Return firings as rule and minutes."""
    return [
        (
            one.rule,
            (one.fired_at - NOON) / MINUTE,
            one.resolved_at and (one.resolved_at - NOON) / MINUTE,
        )
        for one in found
    ]


def test_windows_are_put_together_from_minutes():
    """Five minutes are five samples: the sixth has left."""
    history = SampleHistory([sample(m, good=9, bad=int(m == 3)) for m in range(20)])

    rates = [
        history.numbers(NOON + m * MINUTE, 5 * MINUTE, None)["failure_rate"] for m in range(2, 9)
    ]

    assert rates == [0, 1 / 37, 1 / 46, 1 / 46, 1 / 46, 1 / 46, 0]


def test_rules_fire_again_as_they_did():
    """The rate of all jobs, and the count of one."""
    everybody = [sample(m, good=2, bad=3 * (m in (2, 3))) for m in range(20)]
    sync = [sample(m, job="mailchimp_sync", bad=3) for m in (2, 3)]

    found = backtest(list(RULES.values()), everybody + sync)

    assert times(found) == [
        ("job_failure_rate_high", 2, 8),
        ("mailchimp_sync_failing", 3, 17),
    ]


def test_minute_of_which_nothing_is_known_says_nothing():
    """A queue cannot be asked of the past: the alert goes on over the minutes that were missed."""
    samples = [
        sample(0),
        sample(1, queued_jobs=101),
        sample(2, queued_jobs=None),
        sample(3, queued_jobs=101),
    ]

    found = backtest([RULES["job_queue_backup"]], [*samples, sample(4)])

    assert times(found) == [("job_queue_backup", 1, 4)]


def test_silence_is_played_again():
    """A minute of which it is not known speaks neither for it nor against it."""
    samples = [
        sample(0),
        *(sample(minute, silent_minutes=minute - 0.5) for minute in (1, 2)),
        sample(3, silent_minutes=None),
        sample(4),
    ]

    assert times(backtest([RULES["webhooks_silent"]], samples)) == [("webhooks_silent", 1, 4)]


def test_refused_and_missed_are_counted_over_the_window():
    """Minute by minute, and gone with the window."""
    [rule] = rules_from(
        "alerts: [{name: r, condition: refused_count >= 30 AND missed_events > 0, window: 5m, severity: low,"
        " notify: [{slack: '#a'}]}]",
        file="alerts.yaml",
        jobs=frozenset(),
    )
    samples = [sample(m, refused_count=10, missed_events=int(m == 3)) for m in range(10)]

    assert untellable(rule) == []
    assert times(backtest([rule], samples)) == [("r", 3, 8)]


def test_job_without_a_sample_had_nothing():
    """Only what there is something of is kept of each job."""
    [rule] = rules_from(
        "alerts: [{name: r, condition: 'job_name = \"mailchimp-sync\" AND queued_jobs < 1', window: 5m,"
        " severity: low, notify: [{slack: '#a'}]}]",
        file="alerts.yaml",
        jobs=frozenset({"mailchimp_sync"}),
    )

    assert times(backtest([rule], [sample(0), sample(1)])) == [("r", 0, None)]


def test_durations_are_not_kept():
    """A rule about them is named, and not played."""
    [rule] = rules_from(
        "alerts: [{name: r, condition: p95_seconds > 9 AND failure_count > 1, window: 5m, severity: low,"
        " notify: [{slack: '#a'}]}]",
        file="alerts.yaml",
        jobs=frozenset(),
    )

    assert untellable(rule) == ["p95_seconds"]
    assert backtest([rule], [sample(0, bad=9)]) == []


def test_month_is_played_in_a_moment():
    """43,200 minutes of four rules: seconds of work, not minutes."""
    import time

    samples = [
        sample(m, good=m % 3, bad=int(m % 1000 == 0), queued_jobs=m % 101) for m in range(43_200)
    ]
    begin = time.process_time()

    backtest(list(RULES.values()), samples)

    assert time.process_time() - begin < 20


def test_nothing_kept_is_nothing_fired():
    """A stack that is new."""
    assert backtest(list(RULES.values()), []) == []
