"""A story's report: what it says, and that nothing wrong can be called right."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace

import httpx
import pytest
from rich.console import Console

from include.clock import FixedClock, SystemClock
from include.lab.demo.play import play, summary
from include.lab.demo.show import closing, show
from include.lab.demo.stage import DeliveryRound, Stage, StoryStoppedError
from include.lab.demo.stories import STORIES
from include.lab.demo.timeline import TimelineMoment


def empty_stage() -> Stage:
    """Return a stage on which all is quiet, and nothing answers but the contract check, which found nothing."""
    stage = Stage(
        sandbox=SimpleNamespace(violations=lambda: {"violations": []}, clear_faults=lambda: None),
        airflow=SimpleNamespace(page_of=lambda dag, run: f"http://airflow/dags/{dag}/runs/{run}"),
        database=None,
        processes=None,
        clock=SystemClock(),
    )
    stage.wait_for_quiet = lambda: None
    return stage


def told(stage: Stage) -> None:
    """Tell of a webhook."""
    moment = TimelineMoment(at=100.25, what="sent: stripe invoice.paid")
    stage.deliveries.append(
        DeliveryRound(
            title="she pays",
            sent_at=100.0,
            seconds=1.5,
            moments=[moment],
            rows=[SimpleNamespace(dag_run_id="r1"), SimpleNamespace(dag_run_id="r2")],
        )
    )


def failing(stage: Stage) -> None:
    """Find what was not wanted."""
    told(stage)
    stage.expect("tags", ["alumni"], ["active"])


def stopping(stage: Stage) -> None:
    """Wait in vain."""
    raise StoryStoppedError("waited 1 s in vain for her")


def unreachable(stage: Stage) -> None:
    """Meet nobody."""
    raise httpx.ConnectError("nobody there")


def test_story_whose_checks_hold_is_ok():
    """The JSON has exactly the promised keys, and times count from the sending."""
    story = play(told, empty_stage()).as_json()

    assert story == {
        "name": "told",
        "ok": True,
        "seconds": 1.5,
        "events": [{"delivery": "she pays", "seconds": 0.25, "what": "sent: stripe invoice.paid"}],
        "links": {
            "run 1": "http://airflow/dags/mailchimp_sync/runs/r1",
            "run 2": "http://airflow/dags/mailchimp_sync/runs/r2",
        },
    }


def by_hand(stage: Stage) -> None:
    """Start another job by hand."""
    stage.airflow.start_run = lambda dag, conf: f"{dag}.{conf['dry_run']}"
    stage.airflow.run_state = lambda _dag, _run: "failed"
    stage.airflow.tasks = lambda _dag, _run: []
    stage.sandbox.calls = lambda *_, **__: []
    stage.told_by = lambda _run: []
    stage.start("she tries it out", "luma_auto_approval", vendor="luma", dry_run=True)


def test_run_by_hand_is_followed_to_its_end():
    """It has a link to its own DAG, what was filled in, and a failed run is a failed story."""
    story = play(by_hand, empty_stage())

    run = "luma_auto_approval.True"
    assert story.links == {"run 1": f"http://airflow/dags/luma_auto_approval/runs/{run}"}
    assert story.deliveries[0].moments[0].what == "run 1: started by hand: dry_run True"
    assert story.problems == (f"state of run {run}: found 'failed', wanted 'success'",)


def refused(stage: Stage) -> None:
    """Start a job that should refuse."""
    stage.airflow.start_run = lambda dag, _conf: dag
    stage.airflow.run_state = lambda _dag, _run: "failed"
    stage.airflow.tasks = lambda _dag, _run: []
    stage.sandbox.calls = lambda *_, **__: []
    stage.told_by = lambda _run: []
    stage.start("too much at once", "slack_status_sync", vendor="slack", wanted="failed")


def test_run_that_should_fail_is_no_failed_story():
    """Some jobs show what they refuse: then a success would be the problem."""
    assert play(refused, empty_stage()).ok


def test_failed_check_makes_the_story_and_the_whole_fail():
    """One wrong thing among many right ones is enough."""
    reports = [play(told, empty_stage()), play(failing, empty_stage())]

    assert reports[1].problems == ("tags: found ['alumni'], wanted ['active']",)
    assert summary(reports)["ok"] is False
    assert summary(reports)["stories"][1]["events"][-1]["what"].startswith("check failed: tags")


def test_story_that_stops_is_a_failed_story():
    """A story that waits in vain or meets nobody fails; the next ones are still played."""
    assert play(stopping, empty_stage()).problems == (
        "the story stopped: waited 1 s in vain for her",
    )
    assert not play(unreachable, empty_stage()).ok


def test_broken_contract_fails_the_story():
    """A call that the vendor's description forbids is a problem even where the story went well."""
    stage = empty_stage()
    stage.sandbox.violations = lambda: {"violations": [{"what": "a field too many"}]}

    assert not play(told, stage).ok


def test_no_story_is_no_success():
    """An empty list of stories must not pass for a demo that went well."""
    assert summary([]) == {"stories": [], "ok": False}


def test_terminal_shows_verdict_latency_timeline_links_and_problems():
    """All that the JSON has can be read by a person, without colours."""
    out = StringIO()
    console = Console(file=out, width=200, highlight=False)
    report = play(failing, empty_stage())

    show(report, console)
    console.print(closing([report]))

    text = out.getvalue()
    assert "FAILED  Find what was not wanted  1.50 s" in text
    assert "0.250  sent: stripe invoice.paid" in text
    assert "run 2: http://airflow/dags/mailchimp_sync/runs/r2" in text
    assert "check failed: tags" in text
    assert "0 of 1 stories ended as they should" in text


def test_the_promised_stories_are_played():
    """Issue by issue the list grows; what it had stays."""
    names = [story.__name__ for story in STORIES]

    assert {
        "stripe_first",
        "clerk_first",
        "update",
        "duplicate",
        "two_hundred_at_once",
        "other_sales",
        "luma_auto_approval",
        "slack_status_sync",
    } <= set(names)
    assert len(names) == len(set(names))
    assert all(story.__doc__ for story in STORIES)


@pytest.mark.parametrize(
    ("due_in", "open_runs"), [([20, None, 900], [0, 0, 0]), ([900, 900, 900], [1, 1, 0])]
)
def test_story_lets_a_run_go_by_that_would_do_its_work(monkeypatch, due_in, open_runs):
    """It is due soon, or under way: the story waits for its end, and for quiet after it."""
    stage, asked = empty_stage(), []
    stage.clock = FixedClock(datetime(2026, 5, 1, tzinfo=UTC))
    stage.wait_for_quiet = lambda: asked.append("quiet")

    def due_at(dag):
        asked.append(dag)
        seconds = due_in.pop(0)
        return None if seconds is None else stage.clock.now() + timedelta(seconds=seconds)

    stage.airflow = SimpleNamespace(own_run_at=due_at, open_runs=lambda _dag: open_runs.pop(0))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    stage.keep_clear_of("reconciliation", 30)

    assert asked[:2] == ["reconciliation"] * 2
    assert asked[-1] == "quiet"
