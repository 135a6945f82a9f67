"""What mailchimp-marketing 3.0.80 passes off as success: facts that our client must turn into errors."""

import pickle

import pytest
import requests
from mailchimp_marketing.api_client import ApiClientError


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [(429, None, None), (403, None, "text/html"), (500, None, None), (400, {}, None)],
)
def test_error_without_a_body_does_not_raise(sandbox, loose_mailchimp, status, body, content_type):
    """An error with an empty body comes back as a Response, as a success without a body does."""
    fault = {"status": status, "body": body, "content_type": content_type, "times": 1}
    sandbox.fault("mailchimp", "status", **fault)

    answer = loose_mailchimp.ping.get()

    assert isinstance(answer, requests.Response)
    assert (answer.status_code, sandbox.fired()) == (status, 1)


def test_true_204_looks_just_the_same(mailchimp):
    """Tags and triggers answer 204: a Response again, told apart by its status alone."""
    member = {"email_address": "ada@example.org", "status": "subscribed"}
    mailchimp.lists.batch_list_members("a1b2c3d4e5", {"members": [member]})

    answer = mailchimp.customerJourneys.trigger(1001, 2001, {"email_address": "ada@example.org"})

    assert isinstance(answer, requests.Response)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers


def test_error_says_nothing_and_cannot_be_unpickled(loose_mailchimp):
    """`str(error)` is empty, the problem document is unparsed text, a pickle of it is broken."""
    with pytest.raises(ApiClientError) as refused:
        loose_mailchimp.lists.get_list("ffffffffff")

    assert (str(refused.value), refused.value.status_code) == ("", 404)
    assert isinstance(refused.value.text, str)
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - the test's own bytes


def test_lost_connection_is_an_error_without_status(sandbox, loose_mailchimp):
    """A network error arrives as the same type with `status_code` None."""
    sandbox.fault("mailchimp", "reset", times=1)

    with pytest.raises(ApiClientError) as refused:
        loose_mailchimp.ping.get()

    assert (refused.value.status_code, sandbox.fired()) == (None, 1)


def test_html_error_page_raises(sandbox, loose_mailchimp):
    """A 503 with an HTML page is raised with the page as its text."""
    page = "<html><body>Service Unavailable</body></html>"
    sandbox.fault("mailchimp", "status", status=503, body=page, times=1)

    with pytest.raises(ApiClientError) as refused:
        loose_mailchimp.ping.get()

    assert (refused.value.status_code, refused.value.text) == (503, page)
