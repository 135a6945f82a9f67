"""Tags, segments and the bulk calls, through Mailchimp's own package."""

import json
from hashlib import md5

import pytest
from mailchimp_marketing.api_client import ApiClientError

LIST = "a1b2c3d4e5"


def key(email):
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def subscribe(client, *emails, **options):
    members = [{"email_address": email, "status": "subscribed"} for email in emails]
    return client.lists.batch_list_members(LIST, {"members": members, **options})


def tags_of(client, email):
    return [tag["name"] for tag in client.lists.get_list_member_tags(LIST, key(email))["tags"]]


def set_tags(client, email, **tags):
    wish = [{"name": name, "status": status} for name, status in tags.items()]
    return client.lists.update_list_member_tags(LIST, key(email), {"tags": wish})


def test_tags_are_set_and_taken(mailchimp):
    """Active gives, inactive takes; repeating either is harmless."""
    subscribe(mailchimp, "ada@example.org")
    for _ in range(2):
        set_tags(mailchimp, "ada@example.org", active="active", alumni="inactive")

    assert tags_of(mailchimp, "ada@example.org") == ["active"]
    set_tags(mailchimp, "ada@example.org", active="inactive", alumni="active")
    assert tags_of(mailchimp, "ada@example.org") == ["alumni"]


def test_tag_is_a_static_segment(mailchimp):
    """A tag given to a member is a segment of the list, and the other way round."""
    subscribe(mailchimp, "ada@example.org", "grace@example.org")
    set_tags(mailchimp, "ada@example.org", active="active")
    segments = {s["name"]: s for s in mailchimp.lists.list_segments(LIST)["segments"]}

    changed = mailchimp.lists.batch_segment_members(
        {
            "members_to_add": ["grace@example.org", "nobody@example.org"],
            "members_to_remove": ["ada@example.org"],
        },
        LIST,
        segments["active"]["id"],
    )

    assert (changed["total_added"], changed["total_removed"], changed["error_count"]) == (1, 1, 1)
    assert changed["errors"][0]["email_addresses"] == ["nobody@example.org"]
    assert tags_of(mailchimp, "grace@example.org") == ["active"]
    assert tags_of(mailchimp, "ada@example.org") == []


def test_segment_is_created_with_its_members(mailchimp):
    """POST /segments makes a tag; a second of the name is refused."""
    subscribe(mailchimp, "ada@example.org")
    wish = {"name": "leader", "static_segment": ["ada@example.org"]}

    made = mailchimp.lists.create_segment(LIST, wish)

    assert (made["member_count"], tags_of(mailchimp, "ada@example.org")) == (1, ["leader"])
    found = mailchimp.lists.tag_search(LIST, name="lea")["tags"]
    assert [tag["id"] for tag in found] == [made["id"]]
    with pytest.raises(ApiClientError):
        mailchimp.lists.create_segment(LIST, wish)


def test_bulk_answers_200_with_the_failures_of_some(checked, mailchimp):
    """One member's failure is listed in `errors` and stops nobody else."""
    checked.act("mailchimp_address", email="left@example.org", becomes="unsubscribed_by_person")
    checked.act("mailchimp_address", email="gone@example.org", becomes="forgotten")
    subscribe(mailchimp, "ada@example.org")

    result = subscribe(
        mailchimp,
        "ada@example.org",
        "new@example.org",
        "left@example.org",
        "gone@example.org",
        "no-address",
        update_existing=True,
    )

    assert [m["email_address"] for m in result["updated_members"]] == ["ada@example.org"]
    assert [m["email_address"] for m in result["new_members"]] == ["new@example.org"]
    failed = {error["email_address"]: error["error"] for error in result["errors"]}
    assert set(failed) == {"left@example.org", "gone@example.org", "no-address"}
    assert "compliance state" in failed["left@example.org"]
    assert "permanently deleted" in failed["gone@example.org"]
    assert result["error_count"] == 3


def test_bulk_leaves_existing_members_alone_without_update_existing(mailchimp):
    """An existing member is an error of its own kind."""
    subscribe(mailchimp, "ada@example.org")

    errors = subscribe(mailchimp, "ada@example.org")["errors"]

    assert [error["error_code"] for error in errors] == ["ERROR_CONTACT_EXISTS"]


def test_bulk_takes_500_and_no_more(mailchimp):
    """500 members in one call; 501 are refused as a whole."""
    emails = [f"m{n}@example.org" for n in range(501)]

    assert subscribe(mailchimp, *emails[:500])["total_created"] == 500
    with pytest.raises(ApiClientError) as refused:
        subscribe(mailchimp, *emails)
    assert json.loads(refused.value.text)["errors"][0]["field"] == "members"
    assert mailchimp.lists.get_list(LIST)["stats"]["member_count"] == 500


def test_segment_takes_500_and_no_more(mailchimp):
    """The same limit holds for the members of one segment call."""
    tag = mailchimp.lists.create_segment(LIST, {"name": "active", "static_segment": []})

    with pytest.raises(ApiClientError) as refused:
        mailchimp.lists.batch_segment_members(
            {"members_to_add": [f"m{n}@example.org" for n in range(501)]}, LIST, tag["id"]
        )

    assert refused.value.status_code == 400


def test_tags_in_a_put_are_ignored_and_noted(sandbox, loose_mailchimp):
    """`tags` is no field of PUT: Mailchimp ignores it, and the check calls it out."""
    body = {
        "email_address": "ada@example.org",
        "status_if_new": "subscribed",
        "tags": ["active"],
    }

    member = loose_mailchimp.lists.set_list_member(LIST, key("ada@example.org"), body)

    assert member["tags"] == []
    found = ["tags" in violation["what"] for violation in sandbox.violations()]
    assert found == [True]
