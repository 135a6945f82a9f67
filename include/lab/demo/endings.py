"""The story of two members who cancel: one is a member to her last second, the other one changes her mind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from include.lab.demo.checks import expect_members
from include.membership.ends import EndState
from include.routing import DEACTIVATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lab.demo.sandbox import VendorEvent
    from include.lab.demo.stage import Newcomer, Stage
    from include.membership.ends import Deactivation

PERIOD_SECONDS = 20  # until the paid period ends
WAIT_SECONDS = 15
MOST_LAG_SECONDS = 10
SENSOR = "wait_for_period_end"


def membership_ends(stage: Stage) -> None:
    """End with the paid period, to the second: of two who cancel one comes back in time."""
    leaver, returner = members = [stage.newcomer(number) for number in range(2)]
    joined = [event for member in members for event in stage.join(member, "clerk_first").events]
    stage.deliver("two have joined", joined, at_once=2)

    stage.deliver(
        f"both cancel, {PERIOD_SECONDS} s before their period ends", _cancel(stage, members)
    )
    going, staying = (_waiting_end(stage, member) for member in members)
    back = stage.sandbox.act("resume", email=returner.email)
    stage.deliver("one comes back", back.events)
    _expect_taken_back(stage, staying)
    ended = stage.end_membership(
        "from the second in which the other one's period ends until all of it is over", going
    )

    if not 0 <= ended.seconds < MOST_LAG_SECONDS:
        stage.problems.append(f"over {ended.seconds:.1f} s after its second")
    _expect_over(stage, leaver)
    expect_members(stage, [returner])
    stage.expect("her profile", [one.is_visible for one in stage.people([returner])], [True])


def _cancel(stage: Stage, members: Sequence[Newcomer]) -> list[VendorEvent]:
    acts = [
        stage.sandbox.act("cancel_at_period_end", email=member.email, in_seconds=PERIOD_SECONDS)
        for member in members
    ]
    return [event for act in acts for event in act.events]


def _waiting_end(stage: Stage, member: Newcomer) -> Deactivation:
    """Return a member's planned end once its run waits in the triggerer."""
    [person] = stage.people([member])

    def waits() -> bool:
        row = stage.planned_end(person.member_id)
        if row.state is not EndState.SCHEDULED:
            return False
        tasks = stage.airflow.tasks(DEACTIVATION, row.dag_run_id or "")
        return any(task.task == SENSOR and task.state == "deferred" for task in tasks)

    stage.wait("the run of her planned end to wait in its sensor", waits, WAIT_SECONDS)
    return stage.planned_end(person.member_id)


def _expect_taken_back(stage: Stage, planned: Deactivation) -> None:
    """Check that the end is revoked, and wait until its run is gone from Airflow."""
    stage.expect(
        "state of her planned end", stage.planned_end(planned.member_id).state, EndState.REVOKED
    )
    path = f"/dags/{DEACTIVATION}/dagRuns/{planned.dag_run_id}"

    def is_gone() -> bool:
        return stage.airflow.ask("GET", path).status_code == httpx.codes.NOT_FOUND

    stage.wait("Airflow to forget the run of who stays", is_gone, WAIT_SECONDS)


def _expect_over(stage: Stage, member: Newcomer) -> None:
    """Check that she has lost everything, once, and by whom."""
    contact = stage.sandbox.contacts()[member.email]
    stage.expect("tags of who left", sorted(contact.tags), ["alumni"])
    people = stage.people([member])
    found = [(one.status, one.is_visible) for one in people]
    stage.expect("membership and profile of who left", found, [("canceled", False)])
    told = [(entry.actor, entry.action) for entry in stage.audit(people)]
    line = ("system:deactivation", "member:deactivated")
    stage.expect("lines about it in the audit log", told.count(line), 1)
