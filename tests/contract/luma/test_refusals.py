"""What Luma refuses, and its limit of 200 calls a minute."""

import pytest

STATUS = "/events/guests/update-status"


def asked(luma, count):
    """Make so many calls; the statuses."""
    return [luma.get(f"{luma.base}/users/get-self").status_code for _ in range(count)]


def test_call_above_the_limit_blocks_for_a_minute(checked, luma):
    """The call too many and all of the next minute are 429; then the key works again."""
    checked.ask("PATCH", "settings", json={"luma_calls_per_minute": 5})
    assert asked(luma, 5) == [200] * 5

    refused = luma.get(f"{luma.base}/users/get-self")
    checked.ask("POST", "clock", json={"advance_seconds": 30})
    half_way = luma.get(f"{luma.base}/users/get-self")
    checked.ask("POST", "clock", json={"advance_seconds": 31})

    assert (refused.status_code, half_way.status_code) == (429, 429)
    assert refused.headers["Retry-After"] == "60"
    assert 28 <= int(half_way.headers["Retry-After"]) <= 30
    assert refused.headers["X-RateLimit-Limit"] == "5"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.headers["X-RateLimit-Reset"]
    assert asked(luma, 5) == [200] * 5


def test_two_hundred_calls_a_minute_are_let_through(luma):
    """The documented limit of a calendar's key, GET and POST together."""
    assert asked(luma, 200) == [200] * 200
    assert luma.post(f"{luma.base}{STATUS}", json=body()).status_code == 429


def test_calls_that_are_spread_are_never_refused(checked, luma):
    """What counts is the last minute, not the number."""
    checked.ask("PATCH", "settings", json={"luma_calls_per_minute": 5})
    for _ in range(3):
        assert asked(luma, 5) == [200] * 5
        checked.ask("POST", "clock", json={"advance_seconds": 61})


def test_refused_call_changes_nothing(checked, luma):
    """A 429 to a decision means that nothing was decided."""
    made = checked.ask("POST", "seed/luma", json={"guests": 1})
    checked.ask("PATCH", "settings", json={"luma_calls_per_minute": 1})
    asked(luma, 1)
    wish = body(event_id=made["events"][0], guest_id=made["guests"][0]["id"])

    assert luma.post(f"{luma.base}{STATUS}", json=wish).status_code == 429

    [guest] = checked.ask("GET", "state/luma")["guests"]
    assert (guest["approval_status"], guest["mails"]) == ("pending_approval", [])


def test_without_key_nothing_is_shown(luma):
    """No key, no answer."""
    refused = luma.get(f"{luma.base}/users/get-self", headers={"x-luma-api-key": None})

    assert refused.status_code == 401
    assert refused.json()["message"]


def test_unknown_guest_is_not_found(checked, luma):
    """A guest of another event is nobody in this one."""
    made = checked.ask("POST", "seed/luma", json={"guests": 0})
    wish = body(event_id=made["events"][0], guest_id="gst-nobody")

    assert luma.post(f"{luma.base}{STATUS}", json=wish).status_code == 404


def body(**changes):
    """Return a decision."""
    return {"event_id": "evt-x", "guest_id": "gst-x", "status": "approved", **changes}


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        (STATUS, body(status="checked_in")),
        (STATUS, body(message="x" * 201)),
        (STATUS, body(message="hello", send_email=False)),
        (STATUS, body(guest_id="")),
        (
            "/event/update-guest-status",
            {"event_api_id": "evt-x", "guest": {}, "status": "approved"},
        ),
        (
            "/event/update-guest-status",
            {"event_api_id": "evt-x", "guest": {"type": "api_id"}, "status": "waitlist"},
        ),
    ],
)
def test_wrong_decision_is_refused(sandbox, luma, path, wish):
    """Value lists, lengths and required fields are kept by Luma, not by us alone."""
    refused = luma.post(f"{luma.base}{path}", json=wish)

    assert refused.status_code == 400
    assert set(refused.json()) == {"message", "code"}
    sandbox.ask("POST", "reset")  # the calls broke the description, as they were meant to
