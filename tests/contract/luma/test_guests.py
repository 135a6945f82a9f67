"""Luma's events and guests, as `requests` sees them, on both generations of routes."""

import pytest

from tests import contracts

CURRENT, OLD = "current", "old"
LISTS = {CURRENT: "/events/guests/list", OLD: "/event/get-guests"}
ONE = {CURRENT: "/events/guests/get", OLD: "/event/get-guest"}
UPDATES = {CURRENT: "/events/guests/update-status", OLD: "/event/update-guest-status"}


@pytest.fixture(params=[CURRENT, OLD])
def generation(request):
    """Each test on each generation of routes."""
    return request.param


def seeded(sandbox, **wish):
    """Fill the calendar; returns the one event's id and its guests."""
    made = sandbox.ask("POST", "seed/luma", json=wish)
    return made["events"][0], made["guests"]


def listed(luma, generation, event, **query):
    """Return one page of guests, unwrapped, and the cursor of the next."""
    query = {"event_id": event, "pagination_limit": 10, **query}
    page = luma.get(f"{luma.base}{LISTS[generation]}", params=query).json()
    guests = [entry.get("guest", entry) for entry in page["entries"]]
    return guests, page.get("next_cursor")


def decided(luma, generation, event, guest, status, **more):
    """Set a guest's status; the answer."""
    body = {"event_id": event, "guest_id": guest, "status": status, **more}
    if generation == OLD:
        named = {"type": "api_id", "api_id": guest}
        body = {"event_api_id": event, "guest": named, "status": status, **more}
    return luma.post(f"{luma.base}{UPDATES[generation]}", json=body)


def mails(sandbox, guest):
    """Return the mails that one guest got."""
    [found] = sandbox.ask("GET", "state/luma", params={"id": guest})["guests"]
    return found["mails"]


def test_all_pages_together_are_all_guests(checked, luma, generation):
    """The cursor leads on until `has_more` is false: nobody is missing, nobody is there twice."""
    event, guests = seeded(checked, guests=25)

    seen, cursor = [], ""
    while cursor is not None:
        page, cursor = listed(luma, generation, event, pagination_cursor=cursor)
        seen += [guest["id"] for guest in page]

    assert sorted(seen) == sorted(guest["id"] for guest in guests)
    assert len(set(seen)) == 25


def test_server_caps_the_page(checked, luma):
    """A page has at most fifty entries, whatever was asked for."""
    event, _ = seeded(checked, guests=60)

    page, cursor = listed(luma, CURRENT, event, pagination_limit=500)

    assert len(page) == 50
    assert cursor


def test_approving_while_paging_passes_guests_over(checked, luma, generation):
    """Pages of the pending are cut from a list that shrinks: who approves on the way misses people."""
    event, _ = seeded(checked, guests=20)
    page, cursor = listed(luma, generation, event, approval_status="pending_approval")
    for guest in page:
        assert decided(luma, generation, event, guest["id"], "approved").json() == {}

    second, _ = listed(
        luma, generation, event, approval_status="pending_approval", pagination_cursor=cursor
    )
    left, _ = listed(luma, generation, event, approval_status="pending_approval")

    assert (len(page), len(second), len(left)) == (10, 0, 10)


def test_status_is_read_back_and_mailed(checked, luma, generation):
    """What was set is read, by id or by address in any case; the guest got one mail."""
    event, [guest] = seeded(checked, guests=1)
    decided(luma, generation, event, guest["id"], "approved")

    for key in (guest["id"], guest["email"].upper()):
        query = {"event_id": event, "id": key}
        found = luma.get(f"{luma.base}{ONE[generation]}", params=query).json()
        assert found.get("guest", found)["approval_status"] == "approved"
    assert mails(checked, guest["id"]) == ["approved"]


def test_second_approval_mails_again(checked, luma, generation):
    """Luma keeps no key of a decision: whoever repeats one mails the guest again."""
    event, [guest] = seeded(checked, guests=1)

    decided(luma, generation, event, guest["id"], "approved")
    decided(luma, generation, event, guest["id"], "approved")

    assert mails(checked, guest["id"]) == ["approved", "approved"]


def test_current_route_can_be_quiet(checked, luma):
    """`send_email: false` sets the status without a mail."""
    event, [guest] = seeded(checked, guests=1)

    decided(luma, CURRENT, event, guest["id"], "declined", send_email=False)

    assert mails(checked, guest["id"]) == []


def test_events_are_the_coming_ones_in_order(checked, luma):
    """`after` leaves out what has begun; current entries are flat, older ones wrapped."""
    made = checked.ask("POST", "seed/luma", json={"events": 3, "guests_of_past_event": 2})
    now = "2026-01-01T00:00:00Z"  # long before: the past event is there too
    query = {"after": now, "sort_column": "start_at", "sort_direction": "asc"}

    every = luma.get(f"{luma.base}/calendars/events/list", params=query).json()["entries"]
    first_ends = every[1]["end_at"]
    coming = luma.get(f"{luma.base}/calendar/list-events", params={"after": first_ends}).json()

    assert [event["id"] for event in every] == [made["past_event"], *made["events"]]
    assert [entry["event"]["api_id"] for entry in coming["entries"]] == made["events"][1:]


def test_key_has_an_owner(luma):
    """`get-self` is the health check of a key."""
    assert luma.get(f"{luma.base}/users/get-self").json()["id"].startswith("usr-")


def test_guests_can_be_added(checked, luma):
    """An organizer may add somebody who did not register."""
    event, _ = seeded(checked)
    wish = {"event_id": event, "guests": [{"email": "ada@example.org", "name": "Ada"}]}

    assert luma.post(f"{luma.base}/events/guests/add", json=wish).json() == {}

    [guest], _ = listed(luma, CURRENT, event)
    assert (guest["user_email"], guest["approval_status"]) == ("ada@example.org", "approved")


@pytest.mark.parametrize(
    "path", contracts.examples("luma/event-get.forbidden.json"), ids=contracts.name_of
)
def test_foreign_event_is_refused_as_recorded(luma, path):
    """An event that is not the calendar's own is Luma's 403; word for word where that is recorded."""
    [recorded] = contracts.load(path)

    refused = luma.get(f"{luma.base}/event/get", params={"event_api_id": "evt-of-others"})

    assert refused.status_code == recorded["status"]
    assert refused.json().keys() >= {"message", "code"}
    assert refused.json().items() >= recorded["body"].items()


@pytest.mark.parametrize(
    "path", contracts.examples("luma/event-get.guest-get.v1-old.json"), ids=contracts.name_of
)
def test_old_answers_have_the_recorded_fields(checked, luma, path):
    """The older routes are described by recordings only: the same fields, in the same wrapping."""
    recorded = contracts.load(path)
    event, [guest] = seeded(checked, guests=1)
    query = {"event_api_id": event, "id": guest["id"]}
    for one in recorded:
        answer = luma.get(f"{luma.base}{one['path'].removeprefix('/v1')}", params=query).json()

        assert set(answer) == set(one["body"])
        if "guest" in answer:
            assert set(answer["guest"]) == set(one["body"]["guest"])
            assert set(answer["guest"]["event_ticket"]) == set(one["body"]["guest"]["event_ticket"])
