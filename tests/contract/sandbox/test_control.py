"""The control interface itself."""

import time

import pytest
import requests


def test_reset_forgets_everything_but_the_price_list(sandbox):
    """After a reset there is nobody, no event, no call, no fault, no moved clock."""
    sandbox.act("new_member", email="ada@example.org", first_name="Ada", last_name="L")
    sandbox.fault("stripe", "status")
    sandbox.ask("POST", "clock", json={"advance_seconds": 3600})

    sandbox.ask("POST", "reset")

    state = sandbox.ask("GET", "state/stripe")
    assert (len(state["price"]), len(state["product"])) == (3, 3)
    assert state.get("customer", []) == sandbox.events() == []
    assert sandbox.ask("GET", "faults")["faults"] == []
    assert sandbox.calls()["count"] == 0
    assert abs(sandbox.ask("POST", "clock", json={"advance_seconds": 0})["now"] - time.time()) < 5


def test_seed_makes_5000_members_in_a_moment(sandbox):
    """5,000 members in under three seconds of work, known to all vendors, without a webhook."""
    begin = time.process_time()

    members = sandbox.ask("POST", "seed", json={"members": 5000, "in_mailchimp": True})["members"]

    assert time.process_time() - begin < 3
    assert len({member["email"] for member in members}) == 5000
    assert sandbox.events() == []
    one = sandbox.ask("GET", "state/stripe", params={"email": members[17]["email"]})
    assert [s["id"] for s in one["subscription"]] == [members[17]["stripe_subscription_id"]]


def test_story_may_have_happened_a_while_ago(sandbox):
    """What came of it has the date of then, and time goes on as before."""
    who = {"email": "ada@example.org", "first_name": "Ada", "last_name": "L"}
    made = sandbox.act("new_member", seconds_ago=150, **who)["made"]

    ages = [time.time() - event["created"] for event in made]
    assert all(140 < age < 300 for age in ages)
    assert abs(sandbox.ask("POST", "clock", json={"advance_seconds": 0})["now"] - time.time()) < 60


def test_disabled_endpoint_gets_nothing_until_it_is_enabled(sandbox):
    """Its events are in the list, and are not sent later either."""
    sandbox.act("switch_endpoint", becomes="disabled")
    sandbox.act("subscribe", email="ada@example.org", prices=["price_pro_month"])
    sandbox.act("switch_endpoint", becomes="enabled")
    sandbox.act("subscribe", email="grace@example.org", prices=["price_pro_month"])

    wanted = [event["wanted"] for event in sandbox.events() if event["vendor"] == "stripe"]
    assert False in wanted
    assert True in wanted
    assert wanted == sorted(wanted)


def test_calls_are_counted_by_glob(sandbox):
    """The calls seen can be narrowed by vendor, method, path and status."""
    headers = {"Authorization": "Bearer sk"}
    for path in ("/users", "/users/nobody", "/users/somebody"):
        requests.get(f"{sandbox.url}/clerk/v1{path}", headers=headers, timeout=5)

    assert sandbox.count("clerk", "GET", "/users/*") == 2
    assert sandbox.calls(vendor="clerk", status=404)["count"] == 2
    assert sandbox.count("stripe") == 0
    sandbox.ask("DELETE", "calls")
    assert sandbox.count("clerk") == 0


def test_wrong_call_and_wrong_event_are_noted(checked, relay):
    """The check itself works: an undescribed call is a violation (and is forgotten by a reset)."""
    url = f"{checked.url}/clerk/v1/users?nonsense=1"
    requests.get(url, headers={"Authorization": "Bearer sk"}, timeout=5)
    requests.post(
        f"{checked.url}/mailchimp/3.0/lists/a1b2c3d4e5",
        json={"members": [{"email_address": 7}]},
        auth=("any", "key"),
        timeout=5,
    )

    found = [(v["vendor"], v["what"].partition(":")[0]) for v in checked.violations()]
    assert found == [("clerk", "query"), ("mailchimp", "members/0/email_address")]
    checked.ask("POST", "reset")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"vendor": "nobody", "kind": "reset"}),
        ("faults", {"vendor": "stripe", "kind": "explode"}),
        ("act", {"story": "resume", "email": "nobody@example.org"}),
        ("act", {"story": "unknown"}),
        ("webhooks/send", {"events": ["evt_unknown"]}),
        ("seed", {"members": 1, "prefix": "no spaces"}),
    ],
)
def test_wrong_wish_is_refused(sandbox, path, body):
    """A wish that cannot be granted is a 4xx, never a silent nothing."""
    answer = requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=5)

    assert 400 <= answer.status_code < 500


def test_month_passes_and_the_planned_end_comes(sandbox):
    """Moving the clock makes happen what falls due on the way."""
    sandbox.act("new_member", email="a@example.org", first_name="A", last_name="B")
    sandbox.act("new_member", email="b@example.org", first_name="B", last_name="C")
    sandbox.act("cancel_at_period_end", email="a@example.org")

    made = sandbox.ask("POST", "clock", json={"advance_seconds": 32 * 86_400})["events"]

    types = {e["type"] for e in sandbox.events() if e["id"] in made}
    assert {"customer.subscription.deleted", "invoice.paid"} <= types


def test_documentation_is_served(sandbox):
    """The control interface describes itself."""
    paths = requests.get(f"{sandbox.url}/_sandbox/openapi.json", timeout=5).json()["paths"]

    assert {"/_sandbox/reset", "/_sandbox/seed", "/_sandbox/act", "/_sandbox/faults"} <= set(paths)
