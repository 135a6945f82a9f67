"""PagerDuty's incidents: one per firing, resolved by its key, whatever is told twice."""

import pytest
import requests

from include.errors import PermanentVendorError, VendorBusyError, VendorUnavailableError
from include.vendors.pagerduty.client import PagerDuty
from tests import contracts
from tests.messages import a_message, its_end

KEY = "0123456789abcdef0123456789abcdef"


def client_of(sandbox, key=KEY, **options):
    """Return our client for a sandbox."""
    usual = {"routing_keys": {}, "source": "ops", "timeout_seconds": 2}
    return PagerDuty(key, base_url=f"{sandbox.url}/pagerduty/v2", **{**usual, **options})


def alerts(sandbox):
    """Return PagerDuty's alerts."""
    return sandbox.ask("GET", "state/pagerduty")["alerts"]


def test_firing_opens_an_incident_and_its_end_resolves_it(checked):
    """Both bear the same key, so that the end finds the beginning."""
    message = a_message()

    assert client_of(checked).send("job-queue-critical", message) == message.key
    [opened] = alerts(checked)
    client_of(checked).send("job-queue-critical", its_end(message))
    [closed] = alerts(checked)

    assert (opened["status"], closed["status"]) == ("triggered", "resolved")
    assert opened["severity"] == "critical"
    assert opened["component"] == "job-queue-critical"
    assert "queued_jobs 101" in opened["summary"]
    assert {link["text"] for link in opened["links"]} == {"a run", "Runbook"}


def test_what_is_told_twice_is_one_incident(checked):
    """A try whose answer was lost is simply made again."""
    checked.fault("pagerduty", "lost_answer", times=1)
    with pytest.raises(VendorUnavailableError):
        client_of(checked).send("x", a_message())

    client_of(checked).send("x", a_message())

    assert checked.fired() == 1
    assert [(one["status"], one["triggers"]) for one in alerts(checked)] == [("triggered", 2)]


def test_next_firing_is_another_incident(checked):
    """An end that comes late must not close what began since."""
    first, second = a_message(key="rule.1"), a_message(key="rule.2")
    for message in (first, second, its_end(first)):
        client_of(checked).send("x", message)

    assert [one["status"] for one in alerts(checked)] == ["resolved", "triggered"]


def test_service_may_have_a_key_of_its_own(checked):
    """`pagerduty: "name"` in a rule is looked up in the connection's extras."""
    other = KEY[::-1]

    client_of(checked, routing_keys={"billing": other}).send("billing", a_message())

    [event] = checked.ask("GET", "state/pagerduty")["events"]
    assert event["routing_key"] == other


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, VendorBusyError), (500, VendorUnavailableError), (503, VendorUnavailableError)],
)
def test_trouble_is_worth_another_try(sandbox, status, error):
    """Throttled or down: later."""
    sandbox.fault("pagerduty", "status", status=status)

    with pytest.raises(error):
        client_of(sandbox).send("x", a_message())


def test_wrong_key_is_not(sandbox):
    """A key of the wrong length is refused for ever, and is not in the error."""
    with pytest.raises(PermanentVendorError) as refused:
        client_of(sandbox, "too-short").send("x", a_message())

    assert "too-short" not in str(refused.value)


def test_check_wakes_nobody(checked):
    """The key is looked at, and no incident comes of it."""
    client_of(checked).check()

    assert alerts(checked) == []
    assert checked.count("pagerduty") == 1


@pytest.mark.parametrize(
    "path", contracts.examples("pagerduty/responses.json"), ids=contracts.name_of
)
def test_refusal_is_like_the_quoted_one(sandbox, path):
    """The vendor's clients quote an answer: ours has its form, and its sentences where they are at hand."""
    quoted = contracts.load(path)["400"]

    answer = requests.post(f"{sandbox.url}/pagerduty/v2/enqueue", json={}, timeout=5)

    assert answer.status_code == 400
    assert answer.json().keys() == quoted.keys()
    assert quoted["errors"] in ([], answer.json()["errors"])  # ours quotes no sentence
