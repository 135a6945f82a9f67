"""The system is off while memberships end: at its return all is done, once."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from include.lab.demo.stage import Stage
from include.membership.ends import EndState
from include.routing import DEACTIVATION
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)
ALL_BUT_VENDORS_AND_POSTGRES = ("triggerer", "scheduler", "relay", "dag-processor", "api-server")
PERIOD_SECONDS = 25  # long enough to stop what would end it
PATIENCE_SECONDS = 120
MEMBERS = 4


def test_ends_that_came_while_the_system_was_off(local_stack: LocalStack, stage: Stage):
    """D6: runs that waited, and a row whose run somebody deleted: each ends once, and nobody waits for hours."""
    members = [stage.newcomer(number) for number in range(MEMBERS)]
    joined = [event for member in members for event in stage.join(member, "clerk_first").events]
    stage.deliver("they have joined", joined, at_once=4)
    people = {person.email: person.member_id for person in stage.people(members)}
    canceled = [
        event
        for number, member in enumerate(members)
        for event in stage.sandbox.act(
            "cancel_at_period_end", email=member.email, in_seconds=PERIOD_SECONDS + number
        ).events
    ]
    stage.deliver("they have canceled", canceled, at_once=4)

    def ends():
        return [stage.planned_end(people[member.email]) for member in members]

    def all_are(state):
        return lambda: {row.state for row in ends()} == {state}

    stage.wait("their runs", all_are(EndState.SCHEDULED), 15)
    delete_run(stage, str(ends()[0].dag_run_id))
    with local_stack.stopped(*ALL_BUT_VENDORS_AND_POSTGRES):
        last = max(row.deactivate_at for row in ends()) + timedelta(seconds=1)
        stage.wait("their ends", lambda: stage.clock.now() > last, 60)
        states = {row.state for row in ends()}
    stage.wait("all to be over", all_are(EndState.DONE), PATIENCE_SECONDS)

    assert states == {EndState.SCHEDULED}, "they had ended before the system was off"
    assert all(row.applied_at > row.deactivate_at for row in ends())
    told = [entry.action for entry in stage.audit(stage.people(members))]
    assert told.count("member:deactivated") == MEMBERS
    contacts = stage.sandbox.contacts()
    assert [contacts[member.email].tags for member in members] == [{"alumni"}] * MEMBERS
    assert {(one.status, one.is_visible) for one in stage.people(members)} == {("canceled", False)}
    assert stage.problems == []


def delete_run(stage: Stage, run_id: str) -> None:
    """Delete a run that waits in its sensor, as a person may."""
    path = f"/dags/{DEACTIVATION}/dagRuns/{quote(run_id)}"
    stage.airflow.ask("PATCH", path, {"state": "success"}).raise_for_status()
    stage.airflow.ask("DELETE", path).raise_for_status()
