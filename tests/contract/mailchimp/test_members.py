"""Members of the audience, through Mailchimp's own package."""

import json
from hashlib import md5

import pytest
from mailchimp_marketing.api_client import ApiClientError

LIST = "a1b2c3d4e5"
ADA = "ada@example.org"


def key(email):
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def put(client, email, path_email=None, **fields):
    body = {"email_address": email, "status_if_new": "subscribed", **fields}
    return client.lists.set_list_member(LIST, key(path_email or email), body)


def problem(refused):
    """Return a refusal's problem document: the package leaves it as text."""
    return json.loads(refused.value.text)


def test_put_creates_with_status_if_new_and_keeps_the_status_after(mailchimp):
    """`status_if_new` is for new members only: who unsubscribed stays unsubscribed."""
    created = put(mailchimp, ADA, merge_fields={"FNAME": "Ada", "TIER": "pro"})
    mailchimp.lists.update_list_member(LIST, key(ADA), {"status": "unsubscribed"})

    again = put(mailchimp, ADA, merge_fields={"LNAME": "Lovelace"})

    assert (created["status"], created["id"]) == ("subscribed", key(ADA))
    assert again["status"] == "unsubscribed"
    assert again["full_name"] == "Ada Lovelace"
    assert mailchimp.lists.get_list_member(LIST, key(ADA))["merge_fields"]["TIER"] == "pro"


def test_hash_is_of_the_lower_case_address(mailchimp):
    """Upper and lower case are one member; the address is shown as last written."""
    put(mailchimp, "Ada@Example.org")
    put(mailchimp, ADA)

    assert mailchimp.lists.get_list_members_info(LIST)["total_items"] == 1


def test_member_is_found_by_address_and_contact_id(mailchimp):
    """The path takes the hash, the address or the contact id."""
    member = put(mailchimp, ADA)

    by_address = mailchimp.lists.get_list_member(LIST, ADA)
    by_contact = mailchimp.lists.get_list_member(LIST, member["contact_id"])
    assert by_address["id"] == by_contact["id"] == member["id"]


def test_other_address_moves_the_member(mailchimp):
    """A PUT on the old hash with a new address is a move: tags and contact stay, the hash changes."""
    old = put(mailchimp, ADA)
    mailchimp.lists.update_list_member_tags(
        LIST, old["id"], {"tags": [{"name": "active", "status": "active"}]}
    )

    moved = put(mailchimp, "ada@example.com", path_email=ADA)

    assert (moved["id"], moved["contact_id"]) == (key("ada@example.com"), old["contact_id"])
    assert [tag["name"] for tag in moved["tags"]] == ["active"]
    with pytest.raises(ApiClientError) as refused:
        mailchimp.lists.get_list_member(LIST, key(ADA))
    assert refused.value.status_code == 404


def test_move_to_a_taken_address_is_refused(mailchimp):
    """Two contacts are never made one: the reason is in `errors` alone, and nothing changed."""
    put(mailchimp, ADA)
    put(mailchimp, "grace@example.org")

    with pytest.raises(ApiClientError) as refused:
        put(mailchimp, "grace@example.org", path_email=ADA)

    assert problem(refused)["title"] == "Invalid Resource"
    assert "already in this list" not in problem(refused)["detail"]
    assert "already in this list" in problem(refused)["errors"][0]["message"]
    assert mailchimp.lists.get_list_members_info(LIST)["total_items"] == 2


@pytest.mark.parametrize("becomes", ["unsubscribed_by_person", "cleaned", "pending"])
def test_only_a_subscribed_member_is_moved(checked, mailchimp, becomes):
    """Another address for who gets no mail, or has not confirmed, is refused, and nothing changed."""
    put(mailchimp, ADA)
    checked.act("mailchimp_address", email=ADA, becomes=becomes)

    with pytest.raises(ApiClientError) as refused:
        mailchimp.lists.update_list_member(LIST, key(ADA), {"email_address": "ada@example.com"})

    assert problem(refused)["errors"][0]["field"] == "email_address"
    assert mailchimp.lists.get_list_member(LIST, key(ADA))["id"] == key(ADA)


def test_required_merge_field_is_asked_for_unless_told_otherwise(checked, mailchimp):
    """With `skip_merge_validation` a member comes without it; a routine change is refused as well."""
    checked.ask("PATCH", "settings", json={"mailchimp_required_fields": ["PHONE"]})
    body = {"email_address": ADA, "status_if_new": "subscribed", "merge_fields": {"FNAME": "Ada"}}

    with pytest.raises(ApiClientError) as refused:
        mailchimp.lists.set_list_member(LIST, key(ADA), body)
    made = mailchimp.lists.set_list_member(LIST, key(ADA), body, skip_merge_validation="true")

    assert problem(refused)["errors"][0]["field"] == "PHONE"
    assert made["merge_fields"]["FNAME"] == "Ada"


def test_archived_member_comes_back_with_a_status(mailchimp):
    """DELETE archives: the data stays, lists leave it out, a PUT with `status` brings it back."""
    put(mailchimp, ADA, merge_fields={"FNAME": "Ada"})
    mailchimp.lists.delete_list_member(LIST, key(ADA))

    archived = mailchimp.lists.get_list_member(LIST, key(ADA))
    listed = mailchimp.lists.get_list_members_info(LIST)["total_items"]
    back = put(mailchimp, ADA, status="subscribed")

    assert (archived["status"], listed) == ("archived", 0)
    assert (back["status"], back["merge_fields"]["FNAME"]) == ("subscribed", "Ada")


@pytest.mark.parametrize("becomes", ["unsubscribed_by_person", "cleaned", "under_review"])
def test_compliance_state_is_final_for_the_api(checked, mailchimp, becomes):
    """Who left by herself or bounced cannot be subscribed, only asked (`pending`)."""
    checked.act("mailchimp_address", email=ADA, becomes=becomes)

    with pytest.raises(ApiClientError) as refused:
        put(mailchimp, ADA, status="subscribed")

    assert (refused.value.status_code, problem(refused)["title"]) == (
        400,
        "Member In Compliance State",
    )
    assert put(mailchimp, ADA, status="pending")["status"] == "pending"


def test_member_that_the_api_unsubscribed_can_return(mailchimp):
    """An unsubscribe by the API is not the person's own."""
    put(mailchimp, ADA)
    mailchimp.lists.update_list_member(LIST, key(ADA), {"status": "unsubscribed"})

    assert put(mailchimp, ADA, status="subscribed")["status"] == "subscribed"


def test_forgotten_address_never_returns(mailchimp):
    """After delete-permanent a GET is 404 and every PUT is refused, `pending` too."""
    put(mailchimp, ADA)
    mailchimp.lists.delete_list_member_permanent(LIST, key(ADA))

    for status in ("subscribed", "pending"):
        with pytest.raises(ApiClientError) as refused:
            put(mailchimp, ADA, status=status)
        assert problem(refused)["title"] == "Forgotten Email Not Subscribed"


@pytest.mark.parametrize(
    ("fields", "title", "words"),
    [
        ({"email": "no-address"}, "Invalid Resource", "errors"),
        ({"email": "x@y.invalid"}, "Invalid Resource", "looks fake or invalid"),
        ({"email": ADA, "merge_fields": {"FNAME": "x" * 256}}, "Invalid Resource", "merge fields"),
    ],
)
def test_bad_input_is_an_invalid_resource(mailchimp, fields, title, words):
    """Nothing is created, and the document says what is wrong."""
    with pytest.raises(ApiClientError) as refused:
        put(mailchimp, **fields)

    assert (problem(refused)["title"], refused.value.status_code) == (title, 400)
    assert words in problem(refused)["detail"]
    assert mailchimp.lists.get_list_members_info(LIST)["total_items"] == 0


def test_too_many_lists_recently_is_refused(checked, mailchimp):
    """A transient refusal that looks like a permanent one: the wording tells them apart."""
    checked.act("mailchimp_address", email=ADA, becomes="too_many_lists")

    with pytest.raises(ApiClientError) as refused:
        put(mailchimp, ADA)

    assert "signed up to a lot of lists very recently" in problem(refused)["detail"]


def test_wrong_key_is_refused(sandbox, running_sandbox, mailchimp):
    """401 with Mailchimp's text; an empty key is a wrong key wherever none is set."""
    mailchimp.set_config({"api_key": "", "server": "us6"})
    mailchimp.api_client.host = f"{sandbox.url}/mailchimp/3.0"

    with pytest.raises(ApiClientError) as refused:
        mailchimp.ping.get()

    assert problem(refused)["title"] == "API Key Invalid"


def test_fields_are_picked(mailchimp):
    """`fields` leaves out the rest, as Mailchimp does."""
    put(mailchimp, ADA)

    picked = mailchimp.lists.get_list_member(
        LIST, key(ADA), fields=["status", "merge_fields.FNAME"]
    )

    assert picked == {"status": "subscribed", "merge_fields": {"FNAME": ""}}


def test_list_counts_its_members(mailchimp):
    """The list's own document has the counts; another list is 404."""
    put(mailchimp, ADA)
    put(mailchimp, "grace@example.org", status="unsubscribed")

    stats = mailchimp.lists.get_list(LIST)["stats"]
    assert (stats["member_count"], stats["unsubscribe_count"]) == (1, 1)
    with pytest.raises(ApiClientError) as refused:
        mailchimp.lists.get_list("ffffffffff")
    assert problem(refused)["title"] == "Resource Not Found"
