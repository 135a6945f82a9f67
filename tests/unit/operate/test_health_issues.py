"""One summary: what is wrong, since when, who waits, when it is tried again, what is to be done."""

from datetime import UTC, datetime

from include.operate import health_issues
from include.operate.health import PartHealth, airflow_health
from include.operate.report import ProcessStatus
from include.relay.airflow_health import PARTS, AirflowHealth
from include.relay.health_issue import HealthIssue
from include.store.dispatches import Dispatch

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def a_run(**changes):
    """Make a run that is in flight."""
    values = {
        "dag_run_id": "batch.1",
        "job": "mailchimp_sync",
        "rows": 3,
        "state": "claimed",
        "claimed_at": NOW,
        "started_at": None,
        "finished_at": None,
        "checked_at": None,
        "problem": None,
    }
    return Dispatch(**{**values, **changes})


def a_process(state):
    """Make a process in this state."""
    return ProcessStatus(
        name="relay", state=state, pid=None, uptime_seconds=None, restarts=1, last_exit="SIGKILL"
    )


def test_sentence_has_all_that_is_known():
    """And nothing where nothing is known."""
    full = HealthIssue(
        what="mailchimp is not called",
        since=NOW,
        why="it answers 503",
        waiting="12 rows wait",
        next_try_at=NOW,
    )

    assert str(full) == (
        "mailchimp is not called since 2026-11-02 09:00:00 UTC (it answers 503):"
        " 12 rows wait, it is tried again at 09:00:00 UTC"
    )
    assert str(HealthIssue(what="it is down")) == "it is down"


def test_verdict_is_one():
    """It never says well beside a health_issues."""
    one = HealthIssue(what="it is down")

    assert health_issues.summary(()) == ""
    assert health_issues.summary((one,)) == "Not well"
    assert health_issues.summary((one, one)) == "Not well, in 2 ways"


def test_process_that_is_started_again_needs_nobody():
    """One that was given up does."""
    [again] = health_issues.of_processes([a_process("RUNNING"), a_process("BACKOFF")])
    [lost] = health_issues.of_processes([a_process("FATAL")])

    assert (str(again), again.to_do) == (
        "the process relay is backoff (SIGKILL)",
        "nothing: it is started again",
    )
    assert "see the log of relay" in lost.to_do


def test_parts_that_are_not_well():
    """Airflow's are judged with the tables; only without them they are told of here."""
    parts = [
        PartHealth(part="database", ok=False, words="does not answer: nothing listens there"),
        *airflow_health(AirflowHealth(problem="Airflow does not answer (ConnectError)")),
        PartHealth(part="relay 2", ok=False, words="cannot store"),
    ]

    told = [str(one) for one in health_issues.of_parts(parts, None)]

    assert told == [
        "the database does not answer: nothing listens there",
        "the relay 2 cannot store",
    ]
    silent = AirflowHealth(problem="Airflow does not answer (ConnectError)")
    assert str(next(health_issues.of_parts(parts, silent))) == silent.problem


def test_each_part_of_airflow_is_shown():
    """As Airflow says it is."""
    health = AirflowHealth(parts={**dict.fromkeys(PARTS, "healthy"), "triggerer": "unhealthy"})

    shown = {one.part: one.ok for one in airflow_health(health)}

    assert shown == {
        "Airflow API": True,
        "Airflow's database": True,
        "scheduler": True,
        "triggerer": False,
        "DAG processor": True,
    }


def test_one_cause_is_told_once():
    """With all rows that wait for it, and since when the first does."""
    runs = [a_run(), a_run(problem="the DAG is paused"), a_run(rows=4, problem="the DAG is paused")]

    [told] = health_issues.of_runs(runs)

    assert str(told) == (
        "runs of mailchimp_sync do not go on since 2026-11-02 09:00:00 UTC (the DAG is paused): 7 rows wait"
    )


def test_ends_that_do_not_happen():
    """The command that shows them is that of the place."""
    told = list(
        health_issues.of_ends({"overdue": 2}, {7: "the DAG is paused", 8: "the DAG is paused"})
    )

    assert [str(one) for one in told] == [
        "2 memberships should have ended: their members keep what they have",
        "planned ends cannot go on (the DAG is paused): among them 7, 8",
    ]
    assert {one.to_do for one in told} == {"see `{ops} deactivations list`"}
