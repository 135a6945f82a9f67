"""Play stories one after the other and report each: what happened when, and whether it ended as it should."""

from __future__ import annotations

import inspect
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from include.clock import SystemClock
from include.errors import AirflowError
from include.lab.demo.airflow import DemoAirflow
from include.lab.demo.sandbox import DemoSandbox
from include.lab.demo.stage import Stage, StoryStoppedError, open_database
from include.lab.stack.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from include.lab.demo.stage import DeliveryRound
    from include.lab.stack.stack import Stack

    Scenario = Callable[[Stage], None]

STOPS_A_STORY = (StoryStoppedError, AirflowError, httpx.HTTPError, psycopg.Error)


@dataclass(frozen=True, kw_only=True)
class ScenarioReport:
    """What came of one story; `seconds` is the slowest of its deliveries."""

    name: str
    title: str
    seconds: float
    deliveries: tuple[DeliveryRound, ...]
    problems: tuple[str, ...]
    links: dict[str, str]

    @property
    def ok(self) -> bool:
        """Tell whether the story ended as it should."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the story as `./ops demo --json` writes it; a failed check is its last event."""
        events = [
            {
                "delivery": delivery.title,
                "seconds": round(moment.at - delivery.sent_at, 3),
                "what": moment.what,
            }
            for delivery in self.deliveries
            for moment in delivery.moments
        ]
        failed = [{"what": f"check failed: {problem}"} for problem in self.problems]
        return {
            "name": self.name,
            "ok": self.ok,
            "seconds": self.seconds,
            "events": [*events, *failed],
            "links": self.links,
        }


def play_all(stack: Stack, stories: Iterable[Scenario]) -> Iterator[ScenarioReport]:
    """Play each story on the running stack; yields its report when it has ended."""
    for story in stories:
        with stage_on(stack) as stage:
            report = play(story, stage)
        yield report


@contextmanager
def stage_on(stack: Stack) -> Iterator[Stage]:
    """Give a stage on the running stack for the block; raises psycopg.Error without its database."""
    with (
        open_database(stack.database_url) as database,
        DemoSandbox.at(stack.sandbox_url) as sandbox,
        DemoAirflow.at(stack.airflow_url, **stack.users["operator"]) as airflow,
        closing(Supervisor(stack)) as processes,
    ):
        yield Stage(
            sandbox=sandbox,
            airflow=airflow,
            database=database,
            processes=processes,
            clock=SystemClock(),
        )


def play(story: Scenario, stage: Stage) -> ScenarioReport:
    """Play one story; what stops it is one more problem of it."""
    try:
        stage.sandbox.clear_faults()
        stage.wait_for_quiet()
        story(stage)
        violations = stage.sandbox.violations()["violations"]
        stage.expect("calls that break a vendor's description", violations, [])
    except STOPS_A_STORY as error:
        stage.problems.append(f"the story stopped: {error}")
    return ScenarioReport(
        name=story.__name__,
        title=(inspect.getdoc(story) or story.__name__).rstrip("."),
        seconds=round(max((one.seconds for one in stage.deliveries), default=0.0), 3),
        deliveries=tuple(stage.deliveries),
        problems=tuple(stage.problems),
        links=stage.links(),
    )


def summary(reports: Iterable[ScenarioReport]) -> dict[str, Any]:
    """Return what `./ops demo --json` writes."""
    stories = [report.as_json() for report in reports]
    return {"stories": stories, "ok": bool(stories) and all(story["ok"] for story in stories)}
