"""Clerk's users, as `requests` sees them."""

import pytest


@pytest.fixture
def ada(clerk):
    wish = {"email_address": ["ada@example.org"], "first_name": "Ada", "last_name": "Lovelace"}
    return clerk.post(f"{clerk.base}/users", json=wish).json()


def test_user_is_found_by_any_case_of_the_address(clerk, ada):
    """Addresses are compared without case; unknown ones are passed over."""
    found = clerk.get(
        f"{clerk.base}/users",
        params={"email_address": ["ADA@example.org", "nobody@example.org"], "limit": 10},
    ).json()

    assert [user["id"] for user in found] == [ada["id"]]


def test_list_is_paged_newest_first(clerk):
    """`limit` and `offset` cut the list, whose first is the newest."""
    made = [
        clerk.post(f"{clerk.base}/users", json={"email_address": [f"m{n}@example.org"]}).json()
        for n in range(5)
    ]

    page = clerk.get(f"{clerk.base}/users", params={"limit": 2, "offset": 1}).json()

    assert [user["id"] for user in page] == [made[3]["id"], made[2]["id"]]
    assert clerk.get(f"{clerk.base}/users/count").json()["total_count"] == 5


def test_changes_are_read_back_and_told(checked, clerk, ada):
    """A PATCH changes the user; metadata is merged; each change is one event."""
    url = f"{clerk.base}/users/{ada['id']}"
    clerk.patch(url, json={"last_name": "King"})
    clerk.patch(f"{url}/metadata", json={"public_metadata": {"a": 1, "b": 2}})
    clerk.patch(f"{url}/metadata", json={"public_metadata": {"a": None}})

    user = clerk.get(url).json()
    assert (user["last_name"], user["public_metadata"]) == ("King", {"b": 2})
    types = [event["type"] for event in checked.events()]
    assert types == ["user.created", "user.updated", "user.updated", "user.updated"]


def test_deleted_user_is_gone(checked, clerk, ada):
    """DELETE answers with a stub, then GET with 404."""
    stub = clerk.delete(f"{clerk.base}/users/{ada['id']}").json()

    gone = clerk.get(f"{clerk.base}/users/{ada['id']}")
    assert (stub["deleted"], gone.status_code) == (True, 404)
    assert gone.json()["errors"][0]["code"] == "resource_not_found"
    assert checked.events()[-1]["payload"]["data"] == stub


def test_address_belongs_to_one_user(clerk, ada):
    """A second user with the address is refused with 422."""
    refused = clerk.post(f"{clerk.base}/users", json={"email_address": ["ADA@example.org"]})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "form_identifier_exists"


def test_address_is_found_by_its_id(clerk, ada):
    """`GET /email_addresses/{id}` shows one address."""
    url = f"{clerk.base}/email_addresses/{ada['primary_email_address_id']}"

    assert clerk.get(url).json()["email_address"] == "ada@example.org"


def test_without_key_nothing_is_shown(clerk):
    """No key, no user: 401 in Clerk's form."""
    refused = clerk.get(f"{clerk.base}/users", headers={"Authorization": ""})

    assert refused.status_code == 401
    assert refused.json()["errors"][0]["code"] == "clerk_key_invalid"
