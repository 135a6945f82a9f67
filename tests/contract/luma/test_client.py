"""Our client against the sandbox, on both generations of routes: what it reads, and what each failure is."""

from datetime import UTC, datetime

import pytest
import requests

from include.errors import (
    PermanentVendorError,
    VendorBusyError,
    VendorNotFoundError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.luma.client import Guest, GuestStatus, Luma

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
DECISIONS = "*/update-*status"


def client_of(sandbox, **options):
    usual = {"api_key": "key", "base_url": f"{sandbox.url}/luma", "timeout_seconds": 5}
    return Luma(requests.Session(), **{**usual, **options})


@pytest.fixture(params=["current", "old"])
def client(checked, request):
    return client_of(checked, routes=request.param)


@pytest.fixture
def one_guest(checked):
    """Seed a calendar with one guest who waits; give her as our client should read her."""
    [made] = checked.ask("POST", "seed/luma", json={"guests": 1})["guests"]
    return Guest(
        id=made["id"], event_id=made["event_id"], email=made["email"], status=GuestStatus.PENDING
    )


def state_of(sandbox, guest):
    """Return a guest's status, and the mails she got."""
    [found] = sandbox.ask("GET", "state/luma", params={"id": guest.id})["guests"]
    return found["approval_status"], found["mails"]


def test_pages_lead_to_every_pending_guest(checked, client):
    """Page after page, each guest once; who is decided about is not among them."""
    made = checked.ask("POST", "seed/luma", json={"guests": 120})
    [event_id] = client.list_events(after=datetime.now(UTC)).entries

    page = client.list_pending_guests(event_id)
    pages = [page]
    while pages[-1].next:
        pages.append(client.list_pending_guests(event_id, cursor=pages[-1].next))

    seen = [guest.id for one in pages for guest in one.entries]
    assert len(pages) == 3
    assert sorted(seen) == sorted(guest["id"] for guest in made["guests"])
    assert {one.unreadable for one in pages} == {0}


def test_events_that_have_begun_are_left_out(checked, client):
    """Only what is to come is asked for."""
    made = checked.ask("POST", "seed/luma", json={"events": 2, "guests_of_past_event": 1})

    assert client.list_events(after=datetime.now(UTC)).entries == made["events"]
    assert made["past_event"] in client.list_events(after=LONG_AGO).entries


def test_decision_is_read_back(checked, client, one_guest):
    """The guest is as she was left, and was mailed once."""
    client.update_status(one_guest, GuestStatus.APPROVED, send_email=True)

    again = client.read_guest(one_guest.event_id, one_guest.id)
    assert again == Guest(
        id=one_guest.id,
        event_id=one_guest.event_id,
        email=one_guest.email,
        status=GuestStatus.APPROVED,
    )
    assert state_of(checked, one_guest) == ("approved", ["approved"])


def test_quiet_decision(checked, one_guest):
    """Without a mail on the current routes; the older ones cannot, and are not asked to."""
    old = client_of(checked, routes="old")
    with pytest.raises(PermanentVendorError, match="always mail"):
        old.update_status(one_guest, GuestStatus.APPROVED, send_email=False)
    assert state_of(checked, one_guest) == ("pending_approval", [])

    client_of(checked).update_status(one_guest, GuestStatus.APPROVED, send_email=False)

    assert state_of(checked, one_guest) == ("approved", [])


def test_blocked_key_says_how_long(checked, client):
    """A 429 carries Luma's pause; without the header it is the minute of the block."""
    checked.ask("PATCH", "settings", json={"luma_calls_per_minute": 1})
    client.list_events(after=LONG_AGO)
    with pytest.raises(VendorBusyError) as busy:
        client.list_events(after=LONG_AGO)
    checked.fault("luma", "status", status=429, body={"message": "x", "code": None})
    with pytest.raises(VendorBusyError) as bare:
        client.list_events(after=LONG_AGO)

    assert busy.value.retry_after_seconds == 60
    assert bare.value.retry_after_seconds == 60
    assert checked.fired() == 1


@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_lost_answer_to_a_decision_is_uncertain(checked, client, one_guest, kind):
    """Nobody can tell whether she was approved and mailed: the caller has to look."""
    checked.fault("luma", kind, path=DECISIONS, times=1)

    with pytest.raises(VendorUncertainError):
        client.update_status(one_guest, GuestStatus.APPROVED, send_email=True)

    assert checked.fired() == 1
    assert state_of(checked, one_guest)[1] == (["approved"] if kind == "lost_answer" else [])


def test_failing_server_is_uncertain_only_for_a_decision(checked, client, one_guest):
    """A read that failed can be made again."""
    checked.fault("luma", "status", status=502, body="<html/>")

    with pytest.raises(VendorUnavailableError):
        client.read_guest(one_guest.event_id, one_guest.id)
    with pytest.raises(VendorUncertainError):
        client.update_status(one_guest, GuestStatus.APPROVED, send_email=True)
    assert checked.fired() == 2


def test_nobody_and_foreign_event(client, one_guest):
    """A guest who is gone, or an event that another calendar manages (403), is nothing to be tried again."""
    with pytest.raises(VendorNotFoundError):
        client.read_guest(one_guest.event_id, "gst-nobody")
    with pytest.raises(VendorNotFoundError, match="another calendar manages it"):
        client.list_pending_guests("evt-of-others")


def test_wrong_key_is_named(sandbox):
    """Without a right key nothing works, and the text says why."""
    with pytest.raises(PermanentVendorError, match="refuses the key"):
        client_of(sandbox, api_key="").list_events(after=LONG_AGO)


GUEST = {"id": "gst-1", "user_email": "a@example.org", "approval_status": "pending_approval"}


@pytest.mark.parametrize(
    "body",
    [
        "<html/>",
        [],
        {"entries": 7, "has_more": False},
        {"entries": [7], "has_more": False},
        {"entries": [], "has_more": "yes"},
        {"entries": [], "has_more": True},
        {"entries": [], "has_more": True, "next_cursor": 7},
    ],
)
def test_malformed_page_is_an_outage(sandbox, body):
    """Whatever comes instead of a page is no empty page: nobody is passed over silently."""
    sandbox.fault("luma", "status", status=200, body=body, times=1)

    with pytest.raises(VendorUnavailableError, match="cannot be read"):
        client_of(sandbox).list_pending_guests("evt-1")
    assert sandbox.fired() == 1


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {**GUEST, "id": "ada@example.org"},
        {**GUEST, "id": 7},
        {**GUEST, "approval_status": "unheard_of"},
        {**GUEST, "user_email": ["a@example.org"]},
    ],
)
def test_malformed_guest_does_not_hide_the_others(sandbox, entry):
    """One entry that cannot be understood is counted, and the page is used."""
    body = {"entries": [entry, GUEST, {**GUEST, "id": "gst-2", "user_email": None}]}
    sandbox.fault("luma", "status", status=200, body={**body, "has_more": False}, times=1)

    page = client_of(sandbox).list_pending_guests("evt-1")

    assert [guest.id for guest in page.entries] == ["gst-1", "gst-2"]
    assert (page.unreadable, page.entries[1].email) == (1, None)


def test_guest_does_not_show_her_address(one_guest):
    """What a log or an error shows of a guest is her id."""
    assert "@" not in repr(one_guest)
