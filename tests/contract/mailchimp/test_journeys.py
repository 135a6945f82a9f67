"""Journeys and classic automations, through Mailchimp's own package."""

import pytest
from mailchimp_marketing.api_client import ApiClientError

LIST = "a1b2c3d4e5"
ADA = "ada@example.org"


@pytest.fixture
def ada(mailchimp):
    member = {"email_address": ADA, "status": "subscribed"}
    mailchimp.lists.batch_list_members(LIST, {"members": [member]})
    return {"email_address": ADA}


def test_each_trigger_is_recorded(checked, mailchimp, ada):
    """The trigger is not idempotent: two calls are two journeys."""
    for _ in range(2):
        mailchimp.customerJourneys.trigger(1001, 2001, ada)

    triggers = checked.ask("GET", "state/mailchimp", params={"email": ADA})["triggers"]
    assert [(t["email_address"], t["journey_id"]) for t in triggers] == [(ADA, 1001)] * 2


@pytest.mark.parametrize(
    ("journey", "step", "email"),
    [(1, 2001, ADA), (1001, 2, ADA), (1001, 2001, "nobody@example.org")],
)
@pytest.mark.usefixtures("ada")
def test_unknown_journey_or_member_is_refused(checked, mailchimp, journey, step, email):
    """Nothing is triggered for whom or what is not there."""
    with pytest.raises(ApiClientError) as refused:
        mailchimp.customerJourneys.trigger(journey, step, {"email_address": email})

    assert refused.value.status_code == 404
    assert checked.ask("GET", "state/mailchimp")["triggers"] == []


def test_unsubscribed_member_gets_no_journey(checked, mailchimp):
    """A journey is for subscribed members."""
    checked.act("mailchimp_address", email=ADA, becomes="unsubscribed_by_person")

    with pytest.raises(ApiClientError) as refused:
        mailchimp.customerJourneys.trigger(1001, 2001, {"email_address": ADA})

    assert refused.value.status_code == 400


def test_automation_queue_is_read_back(checked, mailchimp, ada):
    """A classic automation's queue shows who was put into it."""
    settings = checked.settings
    ids = (settings.workflow_id, settings.workflow_email_id)

    mailchimp.automations.add_workflow_email_subscriber(*ids, ada)

    queue = mailchimp.automations.get_workflow_email_subscriber_queue(*ids)
    assert [entry["email_address"] for entry in queue["queue"]] == [ADA]
