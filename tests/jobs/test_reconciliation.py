"""The short checks of reconciliation: what callbacks and the relay missed, with a real Postgres and no relay."""

from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr

from include.airflow_api.client import AirflowClient
from include.clock import FixedClock
from include.errors import AirflowBusyError
from include.jobs.reconciliation import steps as job
from include.jobs.reconciliation.repair import RepairLimits
from include.jobs.reconciliation.runs import check_runs
from include.jobs.reconciliation.steps import NIGHT, is_deep_due
from include.notify.notices import FailureCause, note_failure
from include.store.inbox import InboxState
from include.store.notices import FailedRun
from tests.airflow_stand_in import running_airflow
from tests.factories import NOW

SYNC, RUN = "mailchimp_sync", "reconcile_1"
MINUTE = timedelta(minutes=1)


class Night:
    """Our tables and an Airflow, and nobody who looks after both."""

    def __init__(self, world, airflow, api):
        self.world, self.store, self.airflow, self.api = world, world.store, airflow, api
        self.clock = FixedClock(NOW)

    def hand_over(self, *events):
        """Store events and have Airflow run them, as the relay did before it went down."""
        ids = self.world.receive(*events)
        claim = self.store.dispatches.claim(
            SYNC, now=self.world.clock.now(), max_in_flight=9, batch_size=500, member_limit=100
        )
        self.airflow.runs[SYNC, claim.dag_run_id] = {"dag_run_id": claim.dag_run_id, "dag_id": SYNC}
        self.airflow.runs[SYNC, claim.dag_run_id]["state"] = "running"
        self.store.dispatches.started(claim.dag_run_id, now=NOW)
        return ids, claim.dag_run_id

    def check(self, *, run=RUN, is_dry_run=False):
        """Run the short checks and close the report; return the findings that found something."""
        params, limits = (
            {"dry_run": is_dry_run},
            RepairLimits(is_dry_run=is_dry_run, most_percent=5.0),
        )
        job.begin(run, params, store=self.store, clock=self.clock)
        collaborators = {"store": self.store, "airflow": self.api, "clock": self.clock}
        check_runs(dag_run_id=run, **collaborators, limits=limits)
        job.close(dag_run_id=run, store=self.store, clock=self.clock)
        findings = self.store.reconciliations.get(run).findings
        return {name: finding for name, finding in findings.items() if finding.found}


def by_day(moment):
    """Return the moment, or the morning after it: at night the runs are deep ones."""
    return moment.replace(hour=NIGHT.stop) if moment.hour in NIGHT else moment


@pytest.fixture
def night(world):
    """Give a night in which no relay runs."""
    with running_airflow() as airflow:
        password = SecretStr(airflow.password)
        api = AirflowClient(url=airflow.url, username="reconciler", password=password)
        yield Night(world, airflow, api)
        api.close()


def test_nothing_is_found_where_all_is_well(night):
    """A quiet night is a report without findings, closed."""
    ids, run = night.hand_over(*night.world.join())
    night.world.store.inbox.finish(ids, state=InboxState.PROCESSED, now=NOW)
    night.store.dispatches.finish(run, now=NOW)
    night.airflow.end(SYNC, run, "success", NOW)
    night.clock.advance(15 * MINUTE)

    assert night.check() == {}
    report = night.store.reconciliations.get(RUN)
    assert (report.is_deep, report.finished_at) == (False, NOW + 15 * MINUTE)


def test_run_that_was_deleted_by_hand_gives_its_rows_back(night):
    """B8: the rows wait again, and the next run takes them."""
    ids, run = night.hand_over(*night.world.join())
    del night.airflow.runs[SYNC, run]
    night.clock.advance(5 * MINUTE)

    found = night.check()

    assert (found["lost_runs"].found, found["lost_runs"].repaired) == (1, 1)
    assert found["lost_runs"].examples == (run,)
    assert set(night.world.rows(ids)) == {InboxState.WAITING}
    assert night.store.dispatches.get(run).state == "lost"


@pytest.mark.parametrize("state", ["success", "failed"])
def test_run_that_ended_without_recording_is_contradicted(night, state):
    """G3: a killed worker that Airflow calls a success has recorded nothing, so nothing was done."""
    ids, run = night.hand_over(*night.world.join())
    night.airflow.end(SYNC, run, state, NOW)
    night.clock.advance(5 * MINUTE)

    found = night.check()

    assert found["lost_runs"].found == 1
    assert set(night.world.rows(ids)) == {InboxState.FAILED}
    [reason] = {row.reason for row in night.store.inbox.rows(ids)}
    assert reason == f"the run ended as {state} without recording this"


def test_run_that_goes_on_is_left_alone(night):
    """What the relay asked about a moment ago, and what Airflow still runs, is not touched."""
    ids, _ = night.hand_over(*night.world.join())
    night.clock.advance(5 * MINUTE)

    assert night.check() == {}
    assert set(night.world.rows(ids)) == {InboxState.DISPATCHED}


def test_dry_run_says_the_same_and_changes_nothing(night):
    """A person looks first: the counts are those of the real run."""
    ids, run = night.hand_over(*night.world.join())
    night.airflow.end(SYNC, run, "failed", NOW, failed_task="record")
    night.clock.advance(15 * MINUTE)

    dry = night.check(run="dry", is_dry_run=True)
    assert set(night.world.rows(ids)) == {InboxState.DISPATCHED}
    assert night.store.notices.read_open() == []
    real = night.check(run="real")

    assert {name: one.found for name, one in dry.items()} == {
        name: one.found for name, one in real.items()
    }
    assert {one.repaired for one in dry.values()} == {0}
    assert set(night.world.rows(ids)) == {InboxState.FAILED}


def test_failed_run_whose_callback_was_lost_is_noted(night):
    """T3, T4: nobody was told of the run; now the message waits, with the task that failed."""
    night.airflow.end(SYNC, "killed", "failed", NOW, failed_task="update_mailchimp")
    night.airflow.end(SYNC, "timed_out", "failed", NOW)
    night.airflow.end(SYNC, "told", "failed", NOW, failed_task="record")
    told = FailedRun(job=SYNC, dag_run_id="told", failed_at=NOW)
    note_failure(told, FailureCause(task="record"), store=night.store, clock=night.clock)
    night.clock.advance(MINUTE)

    found = night.check()

    assert (found["untold_failures"].found, found["untold_failures"].repaired) == (2, 2)
    told_of = {one.facts["dag_run_id"]: one.facts for one in night.store.notices.waiting()}
    assert set(told_of) == {"killed", "timed_out", "told"}
    assert told_of["killed"]["what"] == "the task `update_mailchimp` failed; its log says why"
    assert told_of["killed"]["try_number"] == 4
    assert told_of["timed_out"]["what"] == "the run took longer than it may"
    assert "untold_failures" not in night.check(run="again")


def test_dry_run_that_failed_is_told_to_nobody(night):
    """Whoever has started it reads what it says."""
    night.airflow.end(SYNC, "dry", "failed", NOW)
    night.airflow.runs[SYNC, "dry"]["conf"] = {"dry_run": True}
    night.clock.advance(MINUTE)

    assert "untold_failures" not in night.check()
    assert night.store.notices.waiting() == []


def test_all_pages_of_failed_runs_are_read(night):
    """Airflow shows a hundred at a time: an outage has more."""
    for number in range(230):
        at = NOW + timedelta(seconds=number)
        night.airflow.end(SYNC, f"run_{number}", "failed", at, failed_task="record")
    night.clock.advance(15 * MINUTE)

    assert night.check()["untold_failures"].repaired == 230
    [found] = night.store.notices.read_open()
    assert found.notice.count == 230


def test_next_run_that_ends_well_is_the_recovery(night):
    """Airflow knows the newest run of the job that ended well."""
    night.airflow.end(SYNC, "failed_run", "failed", NOW, failed_task="record")
    night.check()
    night.airflow.end(SYNC, "earlier", "success", NOW - MINUTE)
    assert "recoveries" not in night.check(run="too_early")
    night.airflow.end(SYNC, "later", "success", NOW + MINUTE)
    night.clock.advance(2 * MINUTE)

    assert night.check(run="then")["recoveries"].repaired == 1
    [notice] = night.store.notices.waiting()
    assert notice.recovery == {"dag_run_id": "later"}


def test_rows_that_nobody_takes_are_shown(night):
    """No relay is up: that cannot be put right from here, but people are told how much waits."""
    ids = night.world.receive(*night.world.join())
    night.clock = FixedClock(by_day(night.world.clock.now() + 11 * MINUTE))

    late = night.check()["late_rows"]

    assert (late.found, late.repaired, late.left) == (len(ids), 0, len(ids))
    assert late.examples == tuple(str(one) for one in ids)[:5]


def test_effect_that_was_begun_and_never_ended_is_uncertain(night):
    """Ten minutes after the call nobody works on it any more: it is not repeated, and people see it."""
    member_id = uuid4()
    night.store.steps.plan("welcome", [member_id], dag_run_id="run", now=NOW)
    night.store.steps.intend([f"welcome:{member_id}"], dag_run_id="run", now=NOW)
    night.clock.advance(9 * MINUTE)
    assert night.check() == {}
    night.clock.advance(2 * MINUTE)

    found = night.check(run="then")

    assert found["abandoned_effects"].repaired == 1
    assert found["uncertain_effects"].examples == (f"welcome:{member_id}",)
    assert night.world.steps() == ["uncertain"]
    letter = night.store.dead_letters.find(SYNC, f"step:welcome:{member_id}")
    assert (letter.state, letter.error_class, letter.member_id) == ("open", "uncertain", member_id)
    assert night.check(run="later") == {}


def test_event_that_failed_and_is_nobodys_becomes_a_dead_letter(night):
    """A run failed its rows and died before it wrote the letter: a person is asked after all."""
    poison = night.world.receive({"type": "customer.updated", "id": "evt_x", "livemode": False})
    night.store.dispatches.attach("run", job=SYNC, inbox_ids=poison, now=NOW)
    night.store.inbox.finish(poison, state=InboxState.DEAD, reason="cannot be read: data", now=NOW)
    night.clock.advance(11 * MINUTE)

    assert night.check(run="dry", is_dry_run=True)["unlettered_rows"].left == 1
    assert night.check()["unlettered_rows"].repaired == 1

    letter = night.store.dead_letters.find(SYNC, f"row:{poison[0]}")
    assert (letter.state, letter.error_class, letter.reason) == (
        "open",
        "payload",
        "cannot be read: data",
    )
    assert night.store.dead_letters.inbox_ids(letter.id) == poison
    assert night.check(run="later") == {}


@pytest.mark.parametrize(
    ("state", "closed_as"),
    [("success", "lost"), ("failed", "lost"), (None, "lost"), ("running", "running")],
)
def test_record_of_a_run_that_ended_without_a_word_is_closed(night, state, closed_as):
    """A killed process writes nothing: the record would run for ever."""
    night.store.job_runs.open(SYNC, "run", ends=["record"], now=NOW)
    if state:
        night.airflow.end(SYNC, "run", state, NOW)
    night.clock.advance(5 * MINUTE)

    found = night.check()

    assert ("open_runs" in found) is (closed_as == "lost")
    assert night.store.job_runs.get(SYNC, "run").status == closed_as


def test_airflow_that_is_down_leaves_the_report_open(night):
    """What needs no Airflow has been found by then; the task is tried again, and the report says what is missing."""
    night.world.receive(*night.world.join())
    night.hand_over(*night.world.join(email="grace@example.org"))
    night.clock = FixedClock(by_day(night.world.clock.now() + 11 * MINUTE))
    night.airflow.fail(*[503] * 9)

    with pytest.raises(AirflowBusyError):
        night.check()

    outcome = job.close(dag_run_id=RUN, store=night.store, clock=night.clock)
    assert outcome.problem == "not checked: lost_runs, open_runs, untold_failures"
    assert night.store.reconciliations.get(RUN).finished_at is None


@pytest.mark.parametrize(
    ("last_hours_ago", "hour", "is_due"),
    [
        (None, 1, False),
        (None, 2, True),
        (24, 2, True),
        (24, 5, True),
        (24, 6, False),
        (1, 3, False),
    ],
)
def test_deep_run_is_once_a_night(last_hours_ago, hour, is_due):
    """One that failed is tried again until the night is over; one that went well is enough."""
    now = NOW.replace(hour=hour)
    last = None if last_hours_ago is None else now - timedelta(hours=last_hours_ago)

    assert is_deep_due(last, now) is is_due


def test_cleared_run_stays_what_it_was(night):
    """Cleared in the morning, the deep run of the night is a deep run."""
    night.clock = FixedClock(NOW.replace(hour=3))
    first = job.begin(RUN, {}, store=night.store, clock=night.clock)
    night.clock = FixedClock(NOW)
    again = job.begin(RUN, {}, store=night.store, clock=night.clock)

    assert first.is_deep
    assert again == first
