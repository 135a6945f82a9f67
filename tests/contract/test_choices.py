"""What `ops init` offers for choice comes from the vendors' own lists, through our clients."""

import pytest
import requests

from include.vendors.clerk.client import Clerk
from include.vendors.luma.client import Luma
from include.vendors.mailchimp.client import Mailchimp
from include.vendors.slack.workspace import SlackWorkspace
from tests.contract.conftest import slack_client_of


def test_clerk_says_what_kind_of_instance_it_is(checked):
    """Its events do not say whether they are live."""
    with requests.Session() as session:
        client = Clerk(
            session, api_key="sk_test_x", base_url=f"{checked.url}/clerk/v1", timeout_seconds=5
        )

        assert client.read_environment() == "development"


def test_mailchimp_lists_its_audiences(checked):
    """Names by ids, for a key without an audience."""
    client = Mailchimp(
        "x-us6",
        base_url=f"{checked.url}/mailchimp/3.0",
        list_id="none",
        timeout_seconds=5,
        welcome=None,
    )

    assert client.list_audiences() == {"a1b2c3d4e5": "Members"}


@pytest.mark.parametrize("routes", ["current", "old"])
def test_luma_says_whose_key_it_is(checked, routes):
    """Over the routes of both generations."""
    with requests.Session() as session:
        client = Luma(
            session,
            api_key="x",
            base_url=f"{checked.url}/luma",
            timeout_seconds=5,
            routes=routes,
        )

        assert client.read_owner_name() == "The team"


def test_slack_lists_the_channels_that_the_app_is_in(checked):
    """Over several pages; one that the app is not in, or that is archived, is no choice."""
    checked.ask("PATCH", "settings", json={"slack_limits": False})
    workspace = SlackWorkspace(slack_client_of(checked))
    seen = checked.ask("GET", "state/slack")["channels"]
    expected = {
        one["id"]: one["name"] for one in seen if one["is_member"] and not one["is_archived"]
    }

    assert workspace.list_channels() == expected
    assert 1 < len(expected) < len(seen)
    assert workspace.list_groups() == {"S0MEMBERS01": "Members"}
    assert workspace.read_name()
