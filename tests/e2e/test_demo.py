"""`./ops demo`: every story ends as it should, and one that does not is said."""

import json
from typing import Any

import httpx
import pytest

from include.lab.demo.play import play
from include.lab.demo.stage import Stage
from include.lab.demo.stories import STORIES, clerk_first, stripe_first, update
from include.lab.demo.ticks import missed_and_late
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(1000)


@pytest.fixture(scope="module")
def demo(local_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play the demo once on the stack that is up; returns its JSON, its exit code and its text."""
    file = tmp_path_factory.mktemp("demo") / "demo.json"
    done = local_stack.ops("demo", "--exit", "--json", str(file))
    assert file.exists(), done.stdout + done.stderr
    return {**json.loads(file.read_text()), "exit_code": done.returncode, "text": done.stdout}


@pytest.mark.parametrize("name", [story.__name__ for story in STORIES])
def test_story_ends_as_it_should(demo, name):
    """A story is ok when every check of it holds, at the vendors' side and at ours."""
    [story] = [story for story in demo["stories"] if story["name"] == name]

    assert story["ok"], "\n".join(_failed_checks(story))


def _failed_checks(story):
    return [event["what"] for event in story["events"] if "delivery" not in event]


def test_demo_succeeds_only_as_a_whole(demo):
    """Exit code, `ok` and the stories say the same."""
    assert demo["ok"] is all(story["ok"] for story in demo["stories"])
    assert (demo["exit_code"] == 0) is demo["ok"]


def test_json_has_its_exact_form(demo):
    """Others read this file: name, ok, seconds, events, links; nothing else. A check that failed is a word alone."""
    for story in demo["stories"]:
        assert set(story) == {"name", "ok", "seconds", "events", "links"}
        assert 0 < story["seconds"] < 120
        told = [event for event in story["events"] if "delivery" in event]
        assert {frozenset(event) for event in told} == {frozenset({"delivery", "seconds", "what"})}
        assert min(event["seconds"] for event in told) >= 0
        assert story["ok"] is (_failed_checks(story) == [])


def test_each_link_leads_to_a_run_that_succeeded(demo, stage: Stage):
    """The links are runs in the Airflow UI, whose API knows them under the same path.

    But for those that a story has fail: the batch and the retries that end as a dead letter,
    and the run of Slack's job that is refused.
    """
    fails = [link for link in _links(demo) if link in _meant_to_fail(demo)]
    links = [link for link in _links(demo) if link not in fails]
    states = {stage.airflow.ask("GET", _path(link)).json()["state"] for link in fails}
    assert (len(fails), states) == (3, {"failed"})

    runs = [stage.airflow.ask("GET", _path(link)).json() for link in links]

    assert links
    assert {run["state"] for run in runs} == {"success"}
    assert all(httpx.get(link, follow_redirects=True).is_success for link in links[:1])


def _links(demo):
    return [link for story in demo["stories"] for link in story["links"].values()]


def _meant_to_fail(demo):
    """Return the links of runs that a story has fail."""
    links = {story["name"]: list(story["links"].values()) for story in demo["stories"]}
    syncs = [link for link in links["slack_status_sync"] if "/slack_status_sync/" in link]
    return [*links["dead_letter"][:2], syncs[0]]


def _path(link):
    return httpx.URL(link).raw_path.decode().replace("/runs/", "/dagRuns/")


def test_text_tells_each_latency_and_link(demo):
    """A person sees the seconds and the addresses without opening the JSON."""
    for story in demo["stories"]:
        assert f"{story['seconds']:.2f} s" in demo["text"]
        assert all(link in demo["text"] for link in story["links"].values())


def test_stack_that_was_up_stays_up(demo, stage: Stage):
    """`--exit` stops what the demo started, not a developer's own stack."""
    assert "./ops down stops it" in demo["text"]
    assert stage.sandbox.get("/healthz")["ok"]


@pytest.mark.only_with("--long")
def test_story_that_takes_minutes_ends_as_it_should(stage: Stage):
    """The scheduler is away for three minutes: it is no part of the whole, and played by name."""
    report = play(missed_and_late, stage)

    assert report.ok, report.problems


@pytest.mark.parametrize(
    ("payload", "story"), [("thin", stripe_first), ("thin", update), ("both", clerk_first)]
)
def test_story_ends_the_same_whatever_form_stripe_sends(stage: Stage, story, payload):
    """As thin events, and as both for each change, as during a change of the endpoint: members, calls, one welcome."""
    form = {"stripe_payload": payload}
    stage.sandbox.http.patch("/settings", json=form).raise_for_status()
    try:
        report = play(story, stage)
    finally:
        form = {"stripe_payload": "snapshot"}
        stage.sandbox.http.patch("/settings", json=form).raise_for_status()

    assert report.ok, report.problems
    types = {moment["what"] for moment in report.as_json()["events"]}
    assert any("v1.customer.subscription.created" in what for what in types), types


def test_failed_check_is_said(stage: Stage):
    """Where Mailchimp refuses the welcome for good, the story is not ok and says which check failed."""

    def without_a_welcome(stage: Stage) -> None:
        """Refuse it, and play a story in which there is one."""
        fault = {"vendor": "mailchimp", "path": "*/trigger", "kind": "status"}
        stage.sandbox.post("/faults", {**fault, "status": 400, "body": {}})
        clerk_first(stage)

    report = play(without_a_welcome, stage)

    assert not report.ok
    assert any("'welcomes': 0" in problem for problem in report.problems)
    assert "check failed" in report.as_json()["events"][-1]["what"]


def test_every_call_was_held_against_the_vendors_descriptions(demo, stage: Stage):
    """No story, and no test before, made a call or got an answer that a description forbids."""
    found = stage.sandbox.violations()

    assert demo["stories"]
    assert found["checked"]
    assert found["violations"] == []
