"""Accounts with several addresses, banned, locked, deleted and made anew."""

import pytest

ADA = "ada@example.org"


@pytest.fixture
def user_id(checked):
    return checked.act("sign_up", email=ADA, first_name="Ada", last_name="Lovelace")[
        "clerk_user_id"
    ]


def told(sandbox):
    return [event["type"] for event in sandbox.events()]


def test_second_address_is_hers_once_it_is_verified(checked, clerk, user_id):
    """An address that nobody has verified is shown, and is kept for nobody."""
    checked.act("clerk_address", clerk_user_id=user_id, email="a@b.org", becomes="added_unverified")
    other = checked.act("sign_up", email="a@b.org")["clerk_user_id"]
    checked.act("clerk_account", clerk_user_id=other, becomes="deleted")
    checked.act("clerk_address", clerk_user_id=user_id, email="a@b.org", becomes="verified")

    user = clerk.get(f"{clerk.base}/users/{user_id}").json()
    assert [a["verification"]["status"] for a in user["email_addresses"]] == ["verified"] * 2
    refused = clerk.post(f"{clerk.base}/users", json={"email_address": ["a@b.org"]})
    assert refused.status_code == 422


def test_primary_address_changes_and_goes(checked, clerk, user_id):
    """Another address becomes the primary one; without any the account goes on."""
    checked.act("clerk_address", clerk_user_id=user_id, email="a@b.org", becomes="added")
    checked.act("clerk_address", clerk_user_id=user_id, email="a@b.org", becomes="primary")
    checked.act("clerk_address", clerk_user_id=user_id, email="a@b.org", becomes="removed")
    user = clerk.get(f"{clerk.base}/users/{user_id}").json()
    assert user["primary_email_address_id"] == user["email_addresses"][0]["id"]

    checked.act("clerk_address", clerk_user_id=user_id, email=ADA, becomes="removed")

    user = clerk.get(f"{clerk.base}/users/{user_id}").json()
    assert (user["primary_email_address_id"], user["email_addresses"]) == (None, [])


def test_ban_is_told_twice_and_a_lock_once(checked, clerk, user_id):
    """A ban is an update and an event of its own; a lock is an update."""
    for becomes in ("banned", "unbanned", "locked"):
        checked.act("clerk_account", clerk_user_id=user_id, becomes=becomes)

    user = clerk.get(f"{clerk.base}/users/{user_id}").json()
    assert (user["banned"], user["locked"]) == (False, True)
    assert told(checked)[1:] == [
        "user.updated",
        "user.banned",
        "user.updated",
        "user.unbanned",
        "user.updated",
    ]


def test_account_made_anew_is_another(checked, user_id):
    """Who deletes her account and signs up again has another id, and the same address."""
    checked.act("clerk_account", clerk_user_id=user_id, becomes="deleted")

    again = checked.act("sign_up", email=ADA)["clerk_user_id"]

    assert again != user_id
    assert told(checked) == ["user.created", "user.deleted", "user.created"]
