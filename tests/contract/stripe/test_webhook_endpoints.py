"""Where Stripe sends events, through Stripe's own package and through our client."""

from include.clients.stripe import Stripe, WebhookEndpoint


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
