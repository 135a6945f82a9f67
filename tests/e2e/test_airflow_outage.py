"""Airflow is away: webhooks are taken all the same, and dealt with when it is back."""

import time
from typing import Any

import httpx
import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.stage import Stage
from include.store.inbox import InboxState
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)


def test_webhooks_wait_for_the_api_server(local_stack: LocalStack, stage: Stage):
    """With no API server every webhook is acknowledged; once it is back, all are done, once."""
    members = [stage.newcomer(number) for number in range(3)]
    paid = [
        event
        for member in members
        for event in stage.join(member, "clerk_first").of_type("checkout.session.completed")
    ]

    with local_stack.stopped("api-server"):
        answers = stage.sandbox.send(paid, copies=1, at_once=3)
        waiting = stage.rows([event.id for event in paid])
        told = health_of_jobs(local_stack, airflow_answers=False)
    health_of_jobs(local_stack, airflow_answers=True)
    delivered = stage.deliver("and once more", paid)

    assert answers == {"200": 3}
    assert told["status"] == "unhealthy"
    assert "webhooks are stored, and wait" in told["reasons"][0]
    assert {row.state for row in waiting} <= {InboxState.WAITING, InboxState.DISPATCHED}
    assert {row.state for row in delivered.rows} == {InboxState.PROCESSED}
    expect_members(stage, members)
    assert stage.problems == []


def health_of_jobs(local_stack: LocalStack, *, airflow_answers: bool) -> dict[str, Any]:
    """Return what the relay says of the jobs once it has noticed that Airflow is away, or back."""
    deadline = time.monotonic() + 240  # the API server starts anew, on a busy machine
    while True:
        told = httpx.get(f"{local_stack.stack.relay_url}/health/jobs", timeout=10).json()
        if told["airflow"]["answers"] is airflow_answers:
            return dict(told)
        assert time.monotonic() < deadline, told
        time.sleep(0.5)
