"""Where Stripe sends events, through Stripe's own package and through our client."""

import pytest
import stripe

from include.vendors.stripe.client import Stripe
from include.vendors.stripe.endpoints import WebhookEndpoint


def test_account_has_one_endpoint_for_all_events(checked, stripe_client):
    """It leads to the relay that the sandbox delivers to."""
    [endpoint] = stripe_client.v1.webhook_endpoints.list({"limit": 3}).data

    assert endpoint.url == f"{checked.settings.relay_url}/webhooks/stripe"
    assert (endpoint.enabled_events, endpoint.status) == (["*"], "enabled")


def test_our_client_reads_it(checked):
    """What `./ops doctor` compares with the types of events that start jobs."""
    client = Stripe("sk_test_x", base_url=f"{checked.url}/stripe", timeout_seconds=5)

    url = f"{checked.settings.relay_url}/webhooks/stripe"
    assert client.list_webhook_endpoints() == [
        WebhookEndpoint(url=url, types=frozenset({"*"}), is_enabled=True)
    ]


def test_new_endpoint_gets_what_was_asked_for_and_shows_its_secret_once(checked, stripe_client):
    """Who loses the secret has to roll it: no later answer has it."""
    asked = {"url": "https://example.org/hooks", "enabled_events": ["invoice.paid"]}

    made = stripe_client.v1.webhook_endpoints.create(asked)
    listed = stripe_client.v1.webhook_endpoints.list().data

    assert made.secret.startswith("whsec_")
    assert listed[0].url == "https://example.org/hooks"
    assert listed[0].enabled_events == ["invoice.paid"]
    assert all("secret" not in one.to_dict() for one in listed)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"enabled_events": ["*"]}, "url"),
        ({"url": "https://example.org"}, "enabled_events"),
        ({"url": "example", "enabled_events": ["*"]}, "url"),
    ],
)
def test_endpoint_that_cannot_be_made_is_refused(checked, stripe_client, asked, parameter):
    """Stripe names the parameter."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        stripe_client.v1.webhook_endpoints.create(asked)

    assert caught.value.param == parameter


def test_our_client_makes_one(checked):
    """`ops init` writes the secret of the answer into `.env`."""
    client = Stripe("sk_test_x", base_url=f"{checked.url}/stripe", timeout_seconds=5)
    url = "https://example.org/webhooks/stripe"

    secret = client.create_webhook_endpoint(url, ["invoice.paid", "charge.refunded"])

    assert secret.startswith("whsec_")
    types = frozenset({"invoice.paid", "charge.refunded"})
    assert client.list_webhook_endpoints()[0] == WebhookEndpoint(
        url=url, types=types, is_enabled=True, api_version=stripe.api_version
    )


def test_account_has_a_name(checked):
    """A person sees whose key she has given; a key that may not know it is still a key."""
    client = Stripe("sk_test_x", base_url=f"{checked.url}/stripe", timeout_seconds=5)
    assert client.read_account_name() == "Sandbox"

    checked.fault("stripe", "status", status=403, path="/v1/account", body={"error": {}})

    assert client.read_account_name() is None


def test_endpoint_is_changed_and_deleted(checked, stripe_client):
    """Disabled, it gets nothing; what happens meanwhile is in the list of events all the same."""
    [endpoint] = stripe_client.v1.webhook_endpoints.list().data

    stripe_client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    checked.act("sign_up", email="ada@example.org")
    stripe_client.v1.customers.create({"email": "ada@example.org"})

    assert stripe_client.v1.webhook_endpoints.list().data[0].status == "disabled"
    assert [e["wanted"] for e in checked.events() if e["vendor"] == "stripe"] == [False]
    assert len(stripe_client.v1.events.list().data) == 1
    assert stripe_client.v1.webhook_endpoints.delete(endpoint.id).deleted
    assert stripe_client.v1.webhook_endpoints.list().data == []


@pytest.mark.parametrize("payload", ["snapshot", "thin", "both"])
def test_event_destinations_show_form_and_state(checked, stripe_client, payload):
    """Both lists, through Stripe's package and through our client; the address is shown to who asks for it."""
    checked.ask("PATCH", "settings", json={"stripe_payload": payload})
    url = f"{checked.settings.relay_url}/webhooks/stripe"
    wish = {"include": ["webhook_endpoint.url"]}

    shown = stripe_client.v2.core.event_destinations.list(wish).data
    hidden = stripe_client.v2.core.event_destinations.list().data
    ours = Stripe("sk_test_x", base_url=f"{checked.url}/stripe", timeout_seconds=5)

    expected = {"both": ["snapshot", "thin"]}.get(payload, [payload])
    assert [one.event_payload for one in shown] == expected
    assert {one.webhook_endpoint.url for one in shown} == {url}
    assert [one.webhook_endpoint for one in hidden] == [None] * len(expected)
    assert [(one.payload, one.url) for one in ours.list_webhook_endpoints()] == [
        (one, url) for one in expected
    ]


def test_key_that_may_not_see_event_destinations_sees_the_endpoints(checked):
    """A restricted key: what v2 refuses is left out."""
    checked.fault("stripe", "status", status=403, path="/v2/*", body={"error": {}})
    client = Stripe("sk_test_x", base_url=f"{checked.url}/stripe", timeout_seconds=5)

    assert [one.payload for one in client.list_webhook_endpoints()] == ["snapshot"]
