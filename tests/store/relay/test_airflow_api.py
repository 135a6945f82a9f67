"""The relay's session with Airflow: each answer becomes what the dispatcher must do."""

from datetime import UTC, datetime

import httpx
import pytest

from include.airflow_api import session as airflow_session
from include.airflow_api.client import AirflowClient
from include.errors import AirflowBusyError, AirflowDagError, AirflowError, AirflowRefusedError


def start(api, run_id="stripe.test.evt_1"):
    api.start_run("mailchimp_sync", run_id, conf={"inbox_ids": [1, 2]})


def test_a_run_is_started_with_ids_only(api, airflow):
    """`conf` is shown to every viewer of Airflow and kept: no personal data in it."""
    start(api)

    assert airflow.runs["mailchimp_sync", "stripe.test.evt_1"]["conf"] == {"inbox_ids": [1, 2]}


def test_a_run_that_is_there_is_success(api, airflow):
    """B2: the second call gets 409, and there is one run."""
    start(api)
    start(api)

    assert len(airflow.runs) == 1


def test_a_run_may_wait(api, airflow):
    """Airflow keeps it queued until then; the moment goes with its zone."""
    after = datetime(2026, 12, 1, 12, tzinfo=UTC)

    api.start_run("member_deactivation", "deactivation.1", conf={}, run_after=after)

    [run] = airflow.runs.values()
    assert run["run_after"] == "2026-12-01T12:00:00+00:00"


def test_a_run_is_deleted_once(api, airflow):
    """One that is not there (any more) is success too."""
    start(api)

    assert [api.delete_run("mailchimp_sync", "stripe.test.evt_1") for _ in range(2)] == [True, True]
    assert airflow.runs == {}


def test_a_run_that_goes_on_is_not_deleted_before_it_is_ended(api, airflow):
    """409: it waits in its sensor, or works. Ended, it can be deleted."""
    start(api)
    airflow.runs["mailchimp_sync", "stripe.test.evt_1"]["state"] = "running"

    first = api.delete_run("mailchimp_sync", "stripe.test.evt_1")
    api.end_run("mailchimp_sync", "stripe.test.evt_1")
    second = api.delete_run("mailchimp_sync", "stripe.test.evt_1")

    assert (first, second) == (False, True)
    api.end_run("mailchimp_sync", "stripe.test.evt_1")  # nothing is there to end


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, AirflowRefusedError), (422, AirflowDagError), (503, AirflowBusyError)],
)
@pytest.mark.parametrize("call", ["delete_run", "end_run"])
def test_a_run_that_is_not_taken_back_is_said(api, airflow, status, error, call):
    """A person mends a role; a server that is down is tried again."""
    airflow.fail(status, status)  # twice: after a 403 it logs in anew

    with pytest.raises(error):
        getattr(api, call)("mailchimp_sync", "stripe.test.evt_1")


def test_one_token_serves_many_calls(api, airflow):
    """Airflow verifies a password hash at each login: expensive by design."""
    for number in range(3):
        start(api, f"run_{number}")

    assert airflow.logins == 1


@pytest.mark.parametrize("happens", ["revoke_tokens", "change_jwt_secret"])
def test_a_token_that_is_not_taken_is_renewed_once(api, airflow, happens):
    """Airflow says 401 to one that has expired and 403 to one by another secret: one new token, the same call."""
    start(api)
    getattr(airflow, happens)()

    start(api, "run_2")

    assert airflow.logins == 2


def test_a_token_that_is_never_accepted_is_not_renewed_again(api, airflow):
    """B3: two 401 in a row are the end of it. The next call has the token that was made last."""
    airflow.fail(401, 401)

    with pytest.raises(AirflowRefusedError):
        start(api)

    assert (airflow.logins, airflow.faults_left) == (2, [])
    start(api, "run_2")

    assert airflow.logins == 2


def test_a_wrong_password_is_refused_by_name(api, airflow):
    """The error says what to look at, and not the password."""
    airflow.password = "another"

    with pytest.raises(AirflowRefusedError, match="password"):
        start(api)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (403, AirflowRefusedError),
        (404, AirflowDagError),
        (400, AirflowDagError),
        (422, AirflowDagError),
        (429, AirflowBusyError),
        (500, AirflowBusyError),
        (503, AirflowBusyError),
        ("reset", AirflowBusyError),
        ("lost", AirflowBusyError),
    ],
)
def test_each_fault_says_what_to_do(api, airflow, fault, error):
    """Busy: the same call later. Refused and DAG: a person first."""
    airflow.fail(*[fault] * (2 if fault == 403 else 1))  # it logs in anew once

    with pytest.raises(error):
        start(api)

    assert airflow.faults_left == []


def test_silence_is_busy(api, airflow, monkeypatch):
    """B5: a slow Airflow holds the dispatcher for the time-out and no longer."""
    monkeypatch.setattr(airflow_session, "TIMEOUT", httpx.Timeout(0.2))
    impatient = AirflowClient(url=airflow.url, username="relay", password=_secret(airflow))
    airflow.fail(1.0)

    with pytest.raises(AirflowBusyError, match="ReadTimeout"):
        start(impatient)

    impatient.close()


def test_nobody_there_is_busy(api, airflow):
    """B1: connection refused."""
    alone = AirflowClient(url="http://127.0.0.1:9", username="relay", password=_secret(airflow))

    with pytest.raises(AirflowBusyError, match="ConnectError"):
        start(alone)

    alone.close()


def test_a_dag_that_airflow_does_not_have_is_named(api, airflow):
    """B4: with Airflow's own words."""
    airflow.dags.clear()

    with pytest.raises(AirflowDagError, match="not found"):
        start(api)


def test_a_dag_with_import_errors_is_named(api, airflow):
    """B4: the same for a DAG that does not import."""
    airflow.dags["mailchimp_sync"]["has_import_errors"] = True

    with pytest.raises(AirflowDagError, match="import errors"):
        start(api)


def test_a_run_is_looked_up(api, airflow):
    """What the dispatcher asks about a run that is silent."""
    start(api)

    assert api.run_state("mailchimp_sync", "stripe.test.evt_1") == "queued"
    assert api.run_state("mailchimp_sync", "another") is None
    assert api.is_paused("mailchimp_sync") is False


def test_a_page_that_is_not_airflows_is_no_missing_run(api, airflow, monkeypatch):
    """A proxy's 404 must not send the rows of a living run back to wait."""
    start(api)
    page = httpx.Response(404, text="<h1>Not found</h1>")
    monkeypatch.setattr(httpx.Client, "request", lambda *_args, **_kwargs: page)

    with pytest.raises(AirflowError):
        api.run_state("mailchimp_sync", "stripe.test.evt_1")


def _secret(airflow):
    from pydantic import SecretStr

    return SecretStr(airflow.password)


def test_a_refusal_is_an_answer_to_who_asks_for_answers(api, airflow):
    """A new token is tried once; then whoever asks sees what Airflow says."""
    airflow.fail(403, 403)

    assert api.ask("GET", "/api/v2/dags/mailchimp_sync").status_code == 403
    assert (airflow.logins, airflow.faults_left) == (2, [])


def test_import_errors_are_told_by_their_last_line(api, airflow):
    """It says what is wrong; the lines before it are Airflow's."""
    trace = (
        "Traceback (most recent call last):\n  File …\nModuleNotFoundError: No module named 'x'\n"
    )
    airflow.import_errors = [{"filename": "mailchimp_sync.py", "stack_trace": trace}]

    assert api.import_errors() == ["mailchimp_sync.py: ModuleNotFoundError: No module named 'x'"]
