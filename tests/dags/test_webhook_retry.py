"""The DAG's task, run as Airflow's task process does: its tries, their pauses, its end."""

from datetime import timedelta

import pytest

from include.dagkit import POWERS_OF_TWO, PowersOfTwo
from include.store.dead_letters import DeadLetterState, Filter
from include.store.inbox import InboxState
from tests.airflow_task import load_dags, run_task

DAG = "webhook_retry"


@pytest.fixture
def failed(connected):
    """Give the rows of a new member whose batch could not reach Mailchimp; it is still down."""
    ids = connected.receive(*connected.join())
    connected.sandbox.fault("mailchimp", "status", status=503, times=1000)
    connected.load(ids, "run_batch")
    connected.update("run_batch", is_last_try=True)
    connected.record("run_batch")
    return ids


def run(ids, number=1, **options):
    """Run one try of the task on these rows."""
    return run_task(
        DAG, "retry", run_id="retry.1", conf={"inbox_ids": ids}, try_number=number, **options
    )


def letter(world):
    [only] = world.store.dead_letters.select(Filter(states=tuple(DeadLetterState)))
    return only


def test_five_tries_then_a_red_run_and_a_dead_letter(connected, failed):
    """The last one gives up for good, with the reason that a person reads."""
    ends = [run(failed, number) for number in range(1, 6)]

    assert connected.sandbox.fired() > 0
    assert [end.state for end in ends] == ["up_for_retry"] * 4 + ["failed"]
    assert str(ends[4].error) == "a dead letter: Mailchimp is out of service"
    dead = letter(connected)
    assert (dead.state, dead.attempts) == (DeadLetterState.OPEN, 6)
    assert set(connected.rows(failed)) == {InboxState.DEAD}


def test_airflow_is_told_the_exact_pauses(connected, failed):
    """2, 4, 8 and 16 s: its own would be spread."""
    told = []
    for number in range(1, 5):
        bodies = [body for _, path, body in run(failed, number).calls if path.endswith("/state")]
        told.append(bodies[-1]["retry_delay_seconds"])

    assert told == [2, 4, 8, 16]


@pytest.mark.parametrize(("try_number", "max_tries"), [(1, 4), (6, 9), (8, 11)])
def test_pauses_begin_anew_after_a_clear(try_number, max_tries):
    """A person clears the task: five tries more, with the first pause again."""
    decision = PowersOfTwo(POWERS_OF_TWO["retries"]).evaluate(ValueError(), try_number, max_tries)

    assert decision.retry_delay == timedelta(seconds=2)


def test_try_after_the_fault_mends_everything(connected, failed):
    """And the letter is closed."""
    run(failed, 1)
    connected.sandbox.ask("DELETE", "faults")

    end = run(failed, 2)

    assert end.state == "success"
    assert set(connected.rows(failed)) == {InboxState.PROCESSED}
    assert connected.welcomes() == ["ada@example.org"]
    assert letter(connected).state is DeadLetterState.RESOLVED


@pytest.mark.parametrize("before", [2, 5], ids=["in the middle", "after the last try"])
def test_cleared_run_tries_again(connected, failed, before):
    """In the middle or when it is dead: a clear is a try, under the same keys."""
    for number in range(1, before + 1):
        run(failed, number)
    connected.sandbox.ask("DELETE", "faults")

    end = run(failed, before + 1, max_tries=before + 4)

    assert end.state == "success"
    assert set(connected.rows(failed)) == {InboxState.PROCESSED}
    assert letter(connected).state is DeadLetterState.RESOLVED


def test_cleared_after_success_repeats_nothing(connected, failed):
    """There is nothing left to do."""
    connected.sandbox.ask("DELETE", "faults")
    run(failed)
    before = (connected.writes(), connected.audit())

    end = run(failed, 2, max_tries=5)

    assert end.state == "success"
    assert (connected.writes(), connected.audit()) == before


def test_nothing_to_do_is_a_success(connected):
    """A person starts it with rows that do not exist."""
    assert run([123456]).state == "success"


def test_the_file_knows_its_retries():
    """Five tries in all."""
    assert load_dags().dags[DAG].get_task("retry").retries == 4
