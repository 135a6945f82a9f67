"""Per DAG the place that a run of it comes to: something for each of its tasks to do.

A new DAG needs a scenario here; what is tried with it, task by task, is in `test_rerun.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.errors import ErrorClass
from include.store.dead_letters import Failure
from include.store.inbox import InboxState
from tests.jobs.luma_world import LumaWorld
from tests.jobs.slack_world import SlackWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ADA = "ada@example.org"
SCHEDULED = "scheduled__2026-03-01T12:00:00+00:00"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run happens."""

    world: Any
    airflow: Any  # the stand-in that tasks ask for runs


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """How a DAG's run comes about."""

    prepare: Callable[[Place], dict[str, Any]]
    """Fill the place and return the run's `conf`."""
    run_id: str = SCHEDULED
    bears_outages: bool = False
    """A run is green although no vendor answers: what it could not do, another run does."""
    asks_nobody: bool = False
    """A run calls no vendor."""
    later: tuple[str, ...] = ()
    """Whom a cleared run may leave to a later one: a message that was begun is not sent again at once."""
    under_way: tuple[str, ...] = ()
    """Tables that say so."""
    answer: Mapping[str, Any] | None = None
    """What people answer to the task that asks them."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Tasks that need the real Airflow, and the test that reruns them there."""


def new_member(place: Place) -> dict[str, Any]:
    """Let somebody join: a contact is to be made, a welcome to be sent."""
    return {"inbox_ids": place.world.receive(*place.world.join())}


def period_that_is_over(place: Place) -> dict[str, Any]:
    """Let a member cancel, and what she paid for end."""
    world = place.world
    world.run(*world.join())
    world.run(*world.act("cancel_at_period_end", email=ADA, in_seconds=0))
    [row] = world.ends()
    return {"deactivation_id": row.id}


def failed_batch(place: Place) -> dict[str, Any]:
    """Have a new member's batch fail at Mailchimp, which answers again by now."""
    world = place.world
    ids = world.receive(*world.join())
    world.sandbox.fault("mailchimp", "status", status=503)
    world.load(ids, "run_batch")
    world.update("run_batch", is_last_try=True)
    world.record("run_batch")
    world.sandbox.ask("DELETE", "faults")
    return {"inbox_ids": ids}


def guests_who_wait(place: Place) -> dict[str, Any]:
    """Let members and strangers register for an event."""
    luma = LumaWorld(place.world.store, place.world.sandbox)
    members = [luma.member(f"guest{number}@example.org").email for number in range(3)]
    luma.seed(members, guests=5)
    return {}


def people_at_slack(place: Place) -> dict[str, Any]:
    """Have members who are to be let in, and one who has left."""
    slack = SlackWorld(place.world.store, place.world.sandbox)
    [gone, *_] = slack.both(4)
    slack.becomes(gone, "canceled")
    return {}


def event_of_last_year(place: Place) -> dict[str, Any]:
    """Keep an event whose body nobody needs any more."""
    world = place.world
    world.receive(*world.join()[:1])
    world.query(
        "UPDATE ops.inbox SET state = 'processed', finished_at = %s RETURNING id",
        datetime.now(UTC) - timedelta(days=365),
    )
    return {}


def night_without_callbacks(place: Place) -> dict[str, Any]:
    """Lose a run that took rows, let another fail and tell nobody; have a job with a schedule."""
    nightly = {"is_paused": False, "has_import_errors": False, "timetable_summary": "0 3 * * *"}
    place.airflow.dags["database_cleanup"] = nightly
    world = place.world
    world.receive(*world.join())
    now = world.clock.now()
    claim = world.store.dispatches.claim(
        "mailchimp_sync", now=now, max_in_flight=9, batch_size=500, member_limit=100
    )
    world.store.dispatches.started(claim.dag_run_id, now=now - timedelta(minutes=5))
    ended = now - timedelta(minutes=1)
    place.airflow.end("mailchimp_sync", "killed", "failed", ended, failed_task="record")
    return {"deep": True, "dry_run": False}


def runs_that_failed(place: Place) -> dict[str, Any]:
    """Let runs fail, so many that rules tell people."""
    world = place.world
    for number in range(6):
        world.store.job_runs.fail(
            "mailchimp_sync", f"run_{number}", error_class="E", reason="no", now=world.clock.now()
        )
    return {}


def letter_that_is_open(place: Place) -> dict[str, Any]:
    """Have a dead letter about an event that failed."""
    world = place.world
    [row] = world.receive({"type": "customer.updated", "id": "evt_1", "livemode": False})
    now = world.clock.now()
    world.store.dispatches.attach("run", job="mailchimp_sync", inbox_ids=[row], now=now)
    world.store.inbox.finish([row], state=InboxState.DEAD, reason="down", now=now)
    failure = replace(DOWN, subject=f"row:{row}", inbox_ids=(row,))
    world.store.dead_letters.open_case(failure, now=now)
    return {}


DOWN = Failure(
    job="mailchimp_sync",
    subject="",
    error_class=ErrorClass.TRANSIENT,
    reason="Mailchimp is out of service",
)
GROUP = f"mailchimp_sync.{DOWN.fingerprint}.1"
REPLAY = {
    "chosen_options": ["Carry out"],
    "params_input": {GROUP: "replay", "why": "it is back"},
    "responded_at": None,
    "responded_by_user": {"id": "2", "name": "operator"},
    "timedout": False,
}
SCENARIOS = {
    "dead_letter_review": Scenario(
        prepare=letter_that_is_open,
        run_id="review.1",
        bears_outages=True,
        asks_nobody=True,
        answer=REPLAY,
    ),
    "alert_rules": Scenario(
        prepare=runs_that_failed,
        later=("slack", "mail", "pagerduty", "twilio"),
        under_way=("ops.alert_messages",),
    ),
    "mailchimp_sync": Scenario(prepare=new_member, run_id="run_1", bears_outages=True),
    "member_deactivation": Scenario(prepare=period_that_is_over, run_id="deactivation.1.1"),
    "webhook_retry": Scenario(prepare=failed_batch, run_id="retry.1"),
    "luma_auto_approval": Scenario(prepare=guests_who_wait),
    "slack_status_sync": Scenario(prepare=people_at_slack),
    "database_cleanup": Scenario(
        prepare=event_of_last_year,
        bears_outages=True,
        asks_nobody=True,
        elsewhere={"clean_airflow": "tests/e2e/rerun/scenes.py"},
    ),
    "reconciliation": Scenario(prepare=night_without_callbacks, later=("slack",)),
}
