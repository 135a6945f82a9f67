"""Each kind of fault on the wire: that it fired, what the client saw, and whether the effect happened."""

import time
from collections import Counter

import pytest
import requests

AUTH = ("any", "sandbox-us6")
MEMBER = "/lists/a1b2c3d4e5/members/ada@example.org"
BODY = {"email_address": "ada@example.org", "status_if_new": "subscribed"}


@pytest.fixture
def put(sandbox):
    def put_member(timeout=5):
        url = f"{sandbox.url}/mailchimp/3.0{MEMBER}"
        return requests.put(url, json=BODY, auth=AUTH, timeout=timeout)

    return put_member


@pytest.fixture
def members(sandbox):
    return lambda: len(sandbox.ask("GET", "state/mailchimp")["members"])


def only_call(sandbox):
    """Return the one call that the sandbox saw."""
    calls = sandbox.calls()["calls"]
    assert len(calls) == 1
    return calls[0]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"body": {"a": 1}, "content_type": "application/problem+json"}, '{"a":1}'),
        ({"body": "<html/>", "content_type": "text/html"}, "<html/>"),
        ({"body": None, "content_type": None}, ""),
    ],
)
def test_status_is_answered_and_nothing_happens(sandbox, put, members, said, text):
    """A `status` fault answers in the vendor's stead: JSON, a page, or nothing; with its headers."""
    wish = {"status": 503, "times": 1, "headers": {"Retry-After": "7"}, **said}
    ordered = sandbox.fault("mailchimp", "status", **wish)

    answer = put()

    assert (answer.status_code, answer.text) == (503, text)
    assert answer.headers["retry-after"] == "7"
    assert answer.headers.get("content-type") == said["content_type"]
    assert (sandbox.fired(), members()) == (1, 0)
    assert (only_call(sandbox)["fault"], only_call(sandbox)["status"]) == (ordered["id"], 503)
    assert put().status_code == 200


def test_delay_answers_late(sandbox, put, members):
    """A `delay` fault lets the call happen and be answered, only later."""
    sandbox.fault("mailchimp", "delay", seconds=0.3, times=1)
    begin = time.monotonic()

    answer = put()

    assert time.monotonic() - begin >= 0.3
    assert (answer.status_code, sandbox.fired(), members()) == (200, 1, 1)


def test_delay_outlives_an_impatient_client(sandbox, put, members):
    """Who gives up waiting does not stop the effect: the vendor may still be at it."""
    sandbox.fault("mailchimp", "delay", seconds=0.4, times=1)

    with pytest.raises(requests.ReadTimeout):
        put(timeout=0.1)
    deadline = time.monotonic() + 5
    while members() == 0:
        assert time.monotonic() < deadline

    assert sandbox.fired() == 1


def test_stall_never_answers(sandbox, put, members):
    """A `stall` fault takes the request and says nothing; then the connection is cut."""
    sandbox.fault("mailchimp", "stall", seconds=0.5, times=2)

    with pytest.raises(requests.ReadTimeout):
        put(timeout=0.1)
    with pytest.raises(requests.ConnectionError):
        put()

    assert (sandbox.fired(), members()) == (2, 0)


def test_reset_cuts_the_connection_before_any_effect(sandbox, put, members):
    """A `reset` fault is a TCP reset, not a polite close, and nothing happened."""
    sandbox.fault("mailchimp", "reset", times=1)

    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        put()

    assert (sandbox.fired(), members(), only_call(sandbox)["status"]) == (1, 0, 0)


def test_lost_answer_leaves_the_effect(sandbox, put, members):
    """A `lost_answer` fault looks like a reset to the client, but the effect is there."""
    sandbox.fault("mailchimp", "lost_answer", times=1)

    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        put()

    assert (sandbox.fired(), members(), only_call(sandbox)["status"]) == (1, 1, 0)


def test_share_hits_the_same_calls_for_the_same_seed(sandbox, put):
    """A share of calls is hit, by seeded chance, so that a run can be repeated."""

    def statuses():
        sandbox.ask("POST", "reset")
        sandbox.fault("mailchimp", "status", status=500, share=0.5, seed=7)
        return [put().status_code for _ in range(40)], sandbox.fired()

    first, fired = statuses()
    again, _ = statuses()

    assert first == again
    assert 5 < fired == Counter(first)[500] < 35


def test_fault_hits_only_what_it_names(sandbox, put):
    """Vendor, method and path narrow a fault; without a limit it lasts until it is taken away."""
    fault = sandbox.fault("mailchimp", "status", method="PUT", path="/lists/*/members/*")
    get = requests.get(f"{sandbox.url}/mailchimp/3.0/ping", auth=AUTH, timeout=5)

    assert (get.status_code, put().status_code, put().status_code) == (200, 500, 500)
    sandbox.ask("DELETE", f"faults/{fault['id']}")
    assert put().status_code == 200
