"""Clerk's users: the rules that the wire does not show."""

import orjson
import pytest

from include.lab.sandbox.wire import Refusal


def test_new_address_frees_the_old_one(clerk_state):
    """After a change the old address can be somebody else's."""
    ada = clerk_state.create("ada@example.org", "Ada", None)
    clerk_state.change_email(ada["id"], "ada@example.com")

    other = clerk_state.create("ADA@example.org", "Other", None)

    assert clerk_state.by_email("ada@example.org") is other
    assert clerk_state.by_email("ada@example.com") is ada


def test_event_keeps_the_user_as_she_was(world, clerk_state):
    """The bytes of an event do not change with the user."""
    ada = clerk_state.create("ada@example.org", "Ada", None)
    clerk_state.update(ada["id"], {"first_name": "Augusta"})

    created, updated = (orjson.loads(event.payload) for event in world.outbox)
    assert created["data"]["first_name"] == "Ada"
    assert updated["data"]["first_name"] == "Augusta"
    assert {event.id[:4] for event in world.outbox} == {"msg_"}


@pytest.mark.parametrize("email", ["", "no-address", "a b@example.org"])
def test_bad_address_is_refused(clerk_state, email):
    """A user needs an address that is one."""
    with pytest.raises(Refusal):
        clerk_state.create(email, None, None)

    assert clerk_state.users == {}


def test_foreign_primary_address_is_refused(clerk_state):
    """The primary address is one of the user's own."""
    ada = clerk_state.create("ada@example.org", None, None)

    with pytest.raises(Refusal):
        clerk_state.update(ada["id"], {"primary_email_address_id": "idn_other"})


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"offset": "-1"}]
)
def test_page_outside_of_the_limits_is_refused(vendors, query):
    """`limit` is 1 to 500, `offset` not negative."""
    assert vendors.ask("clerk", "GET", "/users", query=query).status == 400


@pytest.mark.parametrize("json", ["text", {"email_address": "text"}, {"email_address": [7]}, {}])
def test_malformed_body_is_clerks_refusal(vendors, json):
    """Whatever comes in, the answer is Clerk's error document."""
    asked = vendors.ask("clerk", "POST", "/users", json=json)

    assert asked.status in (400, 422)
    assert asked.document["errors"]
