"""The numbers of `docs/metrics.md`, on sets that are computed by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from include.errors import ErrorClass
from include.store.dead_letters import Failure
from include.store.inbox import InboxState
from include.store.lookup import Lookup
from include.store.metrics import NUMBERS, measure, measure_all, numbers
from include.store.reconciliations import finding_of
from include.store.rejections import AGAIN
from include.store.webhooks import Silence
from tests.store.arrivals import receive

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
JOB = "mailchimp_sync"


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def start(store, run, *, ended, took, job=JOB, **options):
    store.job_runs.open(job, run, ends=["record"], now=ago(ended + took), **options)


def good(store, run, *, ended, took, job=JOB):
    """Have a run that took so long and ended well so many seconds ago."""
    start(store, run, ended=ended, took=took, job=job)
    store.job_runs.end_tasks(job, run, ends=["record"], now=ago(ended))


def bad(store, run, *, ended, took, job=JOB, error_class="E"):  # noqa: PLR0913 - a run by its times
    """Have a run that failed."""
    start(store, run, ended=ended, took=took, job=job)
    store.job_runs.fail(job, run, error_class=error_class, reason="slow down", now=ago(ended))


def figures(store, job=JOB, window=HOUR):
    return measure(store, now=NOW, window=window, job=job)


def known_set(store):
    """Twenty runs that ended in the hour: nineteen in 1 to 19 s, one of them failed; one was lost."""
    for took in range(1, 19):
        good(store, f"run_{took}", ended=60 * took, took=took)
    bad(store, "run_19", ended=5, took=19)
    start(store, "lost", ended=0, took=900)
    store.job_runs.close_lost(JOB, "lost", airflow_state="failed", now=ago(1))


def test_known_set(store):
    """H7: by hand, (1 + 2 + … + 19) / 19 = 10 s; 95 % of 19 runs are 18.05, so the 19th in order: 19 s."""
    known_set(store)

    found = figures(store)

    assert (found.total_runs, found.success_count, found.failure_count) == (20, 18, 2)
    assert found.lost_count == 1
    assert (found.success_rate, found.failure_rate) == (0.9, 0.1)
    assert found.average_seconds == pytest.approx(10.0)
    assert found.p95_seconds == pytest.approx(19.0)


def test_p95_is_a_duration_that_occurred(store):
    """Of twenty runs of 1 to 20 s, nineteen take 19 s or less."""
    for took in range(1, 21):
        good(store, f"run_{took}", ended=took, took=took)

    assert figures(store).p95_seconds == pytest.approx(19.0)


def test_running_runs_are_in_no_window(store):
    """H7: they have no end; they are counted on their own."""
    known_set(store)
    before = figures(store)
    start(store, "running", ended=0, took=1000)

    after = figures(store)

    assert after.running_jobs == before.running_jobs + 1
    assert (after.total_runs, after.average_seconds) == (20, before.average_seconds)


def test_retried_run_counts_once(store):
    """H7: tried three times, then cleared twice: one run, with its last end and its last time."""
    start(store, "run", ended=500, took=100)
    for number in (2, 3):
        store.job_runs.try_again(JOB, "run", ends=["record"], tries=number, now=ago(550))
    store.job_runs.fail(JOB, "run", error_class="E", reason=None, now=ago(500))
    start(store, "run", ended=395, took=5, tries=4)
    store.job_runs.fail(JOB, "run", error_class="E", reason=None, now=ago(395))
    start(store, "run", ended=100, took=4, tries=5)
    store.job_runs.end_tasks(JOB, "run", ends=["record"], now=ago(100))

    found = figures(store)

    assert (found.total_runs, found.failure_count, found.average_seconds) == (1, 0, 4.0)


@pytest.mark.parametrize("end", ["failed", "success", "lost"])
def test_dry_run_counts_nowhere(store, end):
    """Whoever started it reads what it says: alerts, metrics, console and `status` are about what really ran."""
    good(store, "run", ended=100, took=1)
    start(store, "looked", ended=5, took=1, is_dry=True)
    match end:
        case "failed":
            store.job_runs.fail(JOB, "looked", error_class="E", reason="slow down", now=ago(5))
        case "success":
            store.job_runs.end_tasks(JOB, "looked", ends=["record"], now=ago(5))
        case _:
            store.job_runs.close_lost(JOB, "looked", airflow_state="failed", now=ago(5))

    found, everything = figures(store), measure_all(store, now=NOW, window=HOUR)

    assert (found.total_runs, found.success_count, found.failure_count) == (1, 1, 0)
    assert found.last_error is None
    assert everything[None].failure_count == 0
    window = {"since": ago(3600), "until": NOW, "limit": 9}
    assert store.alerts.failed_runs(job=None, **window) == []
    assert list(Lookup(store.connection).run_hours(since=ago(3600)).values()) == [(1, 0)]


def test_dry_run_that_nobody_began_counts_nowhere(store):
    """Its process died before it could: Airflow's callback says that it failed."""
    store.job_runs.fail(JOB, "looked", error_class="E", reason=None, is_dry=True, now=ago(5))

    assert figures(store).failure_count == 0


@pytest.mark.parametrize(("ended", "count"), [(-1, 0), (0, 1), (3599, 1), (3600, 0)])
def test_edges_of_the_window(store, ended, count):
    """It ends now, and leaves out its first instant: two windows in a row count nothing twice."""
    good(store, "run", ended=ended, took=1)

    assert figures(store).total_runs == count


def test_past_window(store):
    """Runs are counted as of the instant that is asked about: alert rules are tried on history."""
    good(store, "early", ended=7200, took=10)
    start(store, "long", ended=0, took=9000)
    store.job_runs.end_tasks(JOB, "long", ends=["record"], now=NOW)

    past = measure(store, now=ago(7000), window=HOUR, job=JOB)

    assert (past.total_runs, past.running_jobs) == (1, 1)


def test_nothing_ended(store):
    """A rate of no runs is not 0 and not 1: it is unknown."""
    found = figures(store)

    assert (found.total_runs, found.running_jobs, found.queued_jobs, found.dlq_count) == (
        0,
        0,
        0,
        0,
    )
    assert found.success_rate is found.failure_rate is found.average_seconds is None
    assert found.error_rate is found.latency_p95_seconds is found.last_error_age_seconds is None
    assert found.oldest_waiting_seconds == 0


def test_all_jobs_without_the_watchers(store):
    """A rule that runs each minute must not thin out failures, nor keep the system from being idle."""
    bad(store, "run", ended=10, took=1)
    good(store, "run", ended=20, took=1, job="webhook_retry")
    for minute in range(10):
        good(store, f"run_{minute}", ended=60 * minute, took=1, job="alert_rules")
    bad(store, "bad", ended=1, took=1, job="reconciliation")
    start(store, "running", ended=0, took=1, job="alert_rules")

    together = figures(store, job=None)

    assert (together.total_runs, together.failure_count, together.running_jobs) == (2, 1, 0)
    assert together.last_error.job == JOB
    assert figures(store, job="alert_rules").total_runs == 10
    assert figures(store, job="reconciliation").failure_count == 1


def test_name_with_a_hyphen(store):
    """As people write it in `alerts.yaml`."""
    good(store, "run", ended=1, took=1)

    assert figures(store, job="mailchimp-sync") == figures(store, job="mailchimp_sync")
    assert figures(store, job="Mailchimp-Sync").total_runs == 1


def test_last_error(store):
    """Whenever it was, also before the window; of all jobs, the newest."""
    bad(store, "old", ended=9000, took=1, error_class="OldError")
    bad(store, "new", ended=7200, took=1, error_class="NewError")
    bad(store, "other", ended=7100, took=1, job="webhook_retry", error_class="OtherError")

    found = figures(store)

    assert (found.last_error.error_class, found.last_error.dag_run_id) == ("NewError", "new")
    assert found.last_error_age_seconds == 7200
    assert figures(store, job=None).last_error.error_class == "OtherError"


def test_queue(store):
    """What waits, and what was claimed for a run that Airflow does not have: ten rows. Started ones are not queued."""
    receive(store, *(f"claimed_{n}" for n in range(3)), received_at=ago(50))
    claimed = claim(store)
    receive(store, *(f"started_{n}" for n in range(2)), received_at=ago(40))
    started = claim(store)
    store.dispatches.started(started.dag_run_id, now=NOW)
    receive(store, *(f"waiting_{n}" for n in range(7)), received_at=ago(30))

    found = figures(store)

    assert len(claimed.inbox_ids) == 3
    assert found.queued_jobs == 3 + 7
    assert figures(store, job=None).queued_jobs == 10
    assert figures(store, job="webhook_retry").queued_jobs == 0


def test_oldest_row_waits(store):
    """From when it came."""
    receive(store, "evt_1", received_at=ago(30))
    receive(store, "evt_2", received_at=ago(90))

    assert figures(store).oldest_waiting_seconds == 90


def test_oldest_row_is_in_the_hands_of_a_run_that_hangs(store):
    """H4: a worker that is alive and does nothing shows by the age of what it holds."""
    receive(store, "evt_1", received_at=ago(600))
    store.dispatches.started(claim(store).dag_run_id, now=ago(599))
    receive(store, "evt_2", received_at=ago(3))

    assert figures(store).oldest_waiting_seconds == 600


def test_row_that_is_put_off_does_not_wait(store):
    """A limit or a retry puts it off on purpose: it is queued, and not late."""
    receive(store, "evt_1", received_at=ago(600))
    store.connection.execute("UPDATE ops.inbox SET due_at = %s", [NOW + timedelta(seconds=60)])

    found = figures(store)

    assert (found.queued_jobs, found.oldest_waiting_seconds) == (1, 0)


def test_row_that_is_tried_again_has_not_waited_since_it_came(store):
    """A replay of last week's event is not a week late."""
    ids = receive(store, "evt_1", received_at=ago(600_000))
    first = claim(store, at=ago(599_999))
    store.inbox.fail(ids, reason="slow down", now=ago(599_000))
    store.dispatches.finish(first.dag_run_id, now=ago(599_000))

    store.dispatches.attach("again", job=JOB, inbox_ids=ids, now=ago(20))

    assert figures(store).oldest_waiting_seconds == 20


def test_rows_that_ended(store):
    """Of ten rows that took 1 to 10 s, the first two failed: 20 % errors; of 3 to 10 s, half take 6 s or less."""
    ids = [
        receive(store, f"evt_{n}", received_at=ago(100 + n), member_key=f"m_{n}")[0]
        for n in range(1, 11)
    ]
    claim(store)
    for number, inbox_id in enumerate(ids, start=1):
        state = InboxState.FAILED if number in (1, 2) else InboxState.PROCESSED
        store.inbox.finish([inbox_id], state=state, now=ago(100))

    found = figures(store)

    assert found.error_rate == pytest.approx(0.2)
    assert found.latency_p50_seconds == pytest.approx(6.0)
    assert found.latency_p95_seconds == pytest.approx(10.0)
    assert figures(store, window=timedelta(seconds=100)).error_rate is None


def test_rows_later_than_the_promise(store):
    """Two minutes from received to processed, to the second; what failed has its own number."""
    ids = [
        receive(store, f"evt_{n}", received_at=ago(100 + seconds), member_key=f"m_{n}")[0]
        for n, seconds in enumerate((120, 121, 500, 900))
    ]
    claim(store)
    for inbox_id, state in zip(
        ids, (InboxState.PROCESSED,) * 3 + (InboxState.FAILED,), strict=True
    ):
        store.inbox.finish([inbox_id], state=state, now=ago(100))

    assert figures(store).late_count == 2
    assert figures(store, window=timedelta(seconds=100)).late_count == 0


def test_open_dead_letters(store):
    """Those that wait for a person."""
    for number in range(3):
        failure = Failure(
            job=JOB, subject=f"row:{number}", error_class=ErrorClass.TRANSIENT, reason="slow down"
        )
        store.dead_letters.open_case(failure, now=NOW)

    assert figures(store).dlq_count == 3
    assert figures(store, job=None).dlq_count == 3
    assert figures(store, job="webhook_retry").dlq_count == 0


def test_webhooks_that_are_refused_missed_or_do_not_come(store):
    """Refusals by minutes that are over, what reconciliation read in, and the oldest cause that goes on."""
    store.rejections.add(
        {("stripe", "no signature matches"): 2, ("relay", "probe"): 9, ("stripe", AGAIN): 7},
        now=ago(90),
    )
    store.rejections.add({("clerk", "no secret is set"): 3}, now=ago(3600))
    store.rejections.add({("stripe", "no signature matches"): 50}, now=NOW)
    for run, ended, is_dry_run in (("a", 100, False), ("b", 50, True), ("c", 4000, False)):
        store.reconciliations.open(run, is_deep=False, is_dry_run=is_dry_run, now=ago(ended + 60))
        found = [finding_of(f"missed_{one}", ["x", "y"]) for one in ("stripe", "clerk")]
        store.reconciliations.save(run, found)
        store.reconciliations.close(run, now=ago(ended))
    for provider, minutes in (("stripe", 12), ("clerk", 40)):
        since = ago(minutes * 60)
        one = Silence(provider=provider, cause="not_sent", since=since, words="w", to_do="t")
        store.webhooks.keep(one, now=NOW)
    store.webhooks.end("clerk", ["not_sent"], now=NOW)

    found = figures(store, job=None)

    assert (found.refused_count, found.missed_events, found.silent_minutes) == (5, 4, 12.0)
    assert figures(store, window=timedelta(seconds=200), job=None).refused_count == 2
    assert figures(store).silent_minutes == 0


def test_every_job_at_once(store):
    """One look gives all jobs, each with what it has alone."""
    good(store, "run", ended=1, took=1)
    receive(store, "evt_1", job="webhook_retry", received_at=ago(5))

    found = measure_all(store, now=NOW, window=HOUR)

    assert set(found) == {None, JOB, "webhook_retry"}
    for job, measured in found.items():
        assert measured == figures(store, job=job)


def test_numbers_by_name(store):
    """As conditions of rules speak of them."""
    good(store, "run", ended=1, took=1)

    named = numbers(figures(store))

    assert set(named) == set(NUMBERS)
    assert (named["success_rate"], named["failure_count"], named["dlq_count"]) == (1.0, 0, 0)


def claim(store, at=NOW):
    return store.dispatches.claim(JOB, now=at, max_in_flight=9, batch_size=500, member_limit=100)
