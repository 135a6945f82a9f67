"""People of the workspace, as Slack's own package reads and changes them."""

import pytest

from tests.contract.conftest import slack_code_of

PEOPLE = {"people": 9, "owners": 1, "admins": 1, "guests": 1, "deactivated": 1, "bots": 1}
FIELD = "Xf0MEMBER01"


@pytest.fixture
def people(checked):
    """Fill the workspace with people of every kind; return them by role, the deactivated ones apart."""
    made = checked.ask("POST", "seed/slack", json=PEOPLE)["people"]
    return {("gone" if one["is_deactivated"] else one["role"]): one for one in made}


def test_everybody_is_listed_in_pages(slack, people):
    """`users.list` shows people, guests, bots, Slackbot and who is gone, page by page, each once."""
    pages = [page["members"] for page in slack.users_list(limit=5)]  # one answer, moved along

    ids = [user["id"] for page in pages for user in page]
    assert [len(page) for page in pages] == [5, 5, 3]
    assert len(ids) == len(set(ids)) == 9 + len(["owner", "bot", "Slackbot", "seeded bot"])


def test_kinds_of_people_can_be_told_apart(slack, people):
    """Roles are flags; Slackbot says that it is no bot, and has no address."""
    shown = {user["id"]: user for page in slack.users_list() for user in page["members"]}

    assert shown[people["owner"]["id"]]["is_owner"]
    assert shown[people["admin"]["id"]]["is_admin"]
    assert shown[people["guest"]["id"]]["is_restricted"]
    assert shown[people["gone"]["id"]]["deleted"]
    assert (shown["USLACKBOT"]["is_bot"], shown["USLACKBOT"]["profile"].get("email")) == (
        False,
        None,
    )
    assert shown["U0OPSBOT001"]["is_bot"]


@pytest.mark.parametrize("cursor", ["nonsense", "YXQ6OTk5OTk=", "dXNlcjox"])
def test_wrong_cursor_is_refused(slack, cursor):
    """A cursor is what the page before gave."""
    assert slack_code_of(slack.users_list, cursor=cursor) == "invalid_cursor"


def test_person_is_found_by_address_in_any_case(slack, people):
    """`users.lookupByEmail` compares without case; who is gone or unknown is not found."""
    member, gone = people["member"], people["gone"]

    found = slack.users_lookupByEmail(email=member["email"].upper())

    assert found["user"]["id"] == member["id"]
    assert slack.users_info(user=gone["id"])["user"]["deleted"]
    for email in (gone["email"], "nobody@example.org"):
        assert slack_code_of(slack.users_lookupByEmail, email=email) == "users_not_found"
    assert slack_code_of(slack.users_info, user="U0NOBODY") == "user_not_found"


def test_profile_field_is_set_with_the_admins_token(slack, slack_admin, people):
    """A custom field is set and read back; a field or a value that Slack does not have is refused."""
    member = people["member"]["id"]
    wish = {"fields": {FIELD: {"value": "2027-01-31", "alt": ""}}}

    slack_admin.users_profile_set(user=member, profile=wish)

    profile = slack.users_profile_get(user=member)["profile"]
    assert profile["fields"][FIELD]["value"] == "2027-01-31"
    unknown = {"fields": {"Xf0OTHER": {"value": "x"}}}
    assert (
        slack_code_of(slack_admin.users_profile_set, user=member, profile=unknown)
        == "invalid_profile"
    )


@pytest.mark.parametrize(
    ("role", "code"), [("owner", "cannot_update_admin_user"), ("nobody", "user_not_found")]
)
def test_profile_of_some_is_not_changed(slack_admin, people, role, code):
    """Owners change their profiles themselves."""
    user = people.get(role, {"id": "U0NOBODY"})["id"]

    assert slack_code_of(slack_admin.users_profile_set, user=user, profile={"title": "x"}) == code


def test_bot_changes_no_profile(slack, people):
    """The bot's token does not do for it."""
    call = slack.users_profile_set

    assert slack_code_of(call, user=people["member"]["id"], profile={"title": "x"}) == (
        "not_allowed_token_type"
    )
