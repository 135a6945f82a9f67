"""Who may be subscribed, and what changes when."""

import pytest

from include.lab.sandbox.mailchimp.contacts import subscriber_hash
from include.lab.sandbox.wire import Refusal

ADA = "ada@example.org"


def upsert(state, email=ADA, **fields):
    key = subscriber_hash(fields.pop("path_email", email))
    return state.upsert(key, {"email_address": email, "status_if_new": "subscribed", **fields})


def test_change_is_all_or_nothing(mailchimp_state):
    """A refused change leaves no part of itself behind."""
    contact = upsert(mailchimp_state, merge_fields={"FNAME": "Ada"})
    upsert(mailchimp_state, "grace@example.org")

    for wrong in (
        {"email_address": "grace@example.org"},
        {"status": "nonsense"},
        {"merge_fields": {"FNAME": "y" * 256}},
    ):
        with pytest.raises(Refusal):
            upsert(
                mailchimp_state,
                **{"email": ADA, "merge_fields": {"FNAME": "x"}}
                | {"path_email": ADA}
                | ({"email": wrong["email_address"]} if "email_address" in wrong else wrong),
            )
        assert (contact.email, contact.status, contact.merge_fields["FNAME"]) == (
            ADA,
            "subscribed",
            "Ada",
        )


def test_refused_creation_leaves_nobody(mailchimp_state):
    """A contact whose fields are refused is not there afterwards."""
    with pytest.raises(Refusal):
        upsert(mailchimp_state, merge_fields={"FNAME": "x" * 256})

    assert mailchimp_state.contacts.by_hash == {}


def test_unknown_merge_fields_are_dropped(mailchimp_state):
    """A merge field that the list does not have vanishes without a word."""
    contact = upsert(mailchimp_state, merge_fields={"TIER": "pro", "NOPE": "x"})

    assert contact.merge_fields["TIER"] == "pro"
    assert "NOPE" not in contact.merge_fields


def test_repeated_move_meets_its_own_result(mailchimp_state):
    """A move whose answer was lost and that is sent again finds the new address taken: 400."""
    upsert(mailchimp_state)
    upsert(mailchimp_state, "new@example.org", path_email=ADA)

    with pytest.raises(Refusal) as refused:
        upsert(mailchimp_state, "new@example.org", path_email=ADA)

    assert b"Member Exists" in refused.value.answer.body


def test_change_of_case_is_no_move(mailchimp_state):
    """The hash is of the lower-cased address, so only the writing changes."""
    contact = upsert(mailchimp_state)

    assert upsert(mailchimp_state, "ADA@example.org") is contact
    assert contact.email == "ADA@example.org"
    assert list(mailchimp_state.contacts.by_hash) == [subscriber_hash(ADA)]


def test_status_if_new_does_not_bring_back_the_archived(mailchimp_state):
    """An archived contact is still a contact: only a `status` brings it back."""
    contact = upsert(mailchimp_state)
    mailchimp_state.archive(contact.id)

    assert upsert(mailchimp_state).status == "archived"
    assert upsert(mailchimp_state, status="subscribed").status == "subscribed"


def test_archiving_twice_is_not_allowed(vendors, mailchimp_state):
    """The second DELETE is a 405."""
    contact = upsert(mailchimp_state)
    path = f"/lists/a1b2c3d4e5/members/{contact.id}"

    assert vendors.ask("mailchimp", "DELETE", path).status == 204
    assert vendors.ask("mailchimp", "DELETE", path).status == 405


def test_quirk_is_taken_back(mailchimp_state):
    """`none` makes an address an ordinary, subscribed one again."""
    contacts = mailchimp_state.contacts
    for quirk in ("forgotten", "too_many_lists", "cleaned"):
        contacts.put_into(ADA, quirk, mailchimp_state.now())
    contacts.put_into(ADA, "none", mailchimp_state.now())

    assert upsert(mailchimp_state, status="subscribed").status == "subscribed"


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        ("PUT", "/members/x", "text"),
        ("PUT", "/members/x", {"email_address": ["list"], "status_if_new": "subscribed"}),
        ("PUT", "/members/x", {"email_address": "a@b.co"}),
        ("PATCH", "/members/nobody", {"status": "subscribed"}),
        ("POST", "/members/nobody/tags", {"tags": [{"name": "a", "status": "active"}]}),
        ("POST", "", {"members": "nobody"}),
        ("POST", "", {"members": ["nobody"]}),
        ("POST", "/segments", {"name": "x" * 101}),
        ("POST", "/segments/999", {"members_to_add": []}),
    ],
)
def test_malformed_input_is_mailchimps_refusal(vendors, method, path, json):
    """Whatever comes in, the answer is a problem document, never an error of the sandbox."""
    asked = vendors.ask("mailchimp", method, f"/lists/a1b2c3d4e5{path}", json=json)

    assert asked.status in (400, 404)
    assert asked.document["status"] == asked.status


@pytest.mark.parametrize("query", [{"count": "x"}, {"offset": "-1"}])
def test_malformed_paging_is_mailchimps_refusal(vendors, query):
    """A page that cannot be counted is refused."""
    asked = vendors.ask("mailchimp", "GET", "/lists/a1b2c3d4e5/members", query=query)

    assert asked.status == 400
