"""Customers, through Stripe's own package."""

import pytest
import stripe


def test_what_is_written_is_read_back(either_shape):
    """A customer keeps what was written; metadata is merged key by key."""
    wish = {"email": "ada@example.org", "name": "Ada Lovelace", "metadata": {"a": "1", "b": "2"}}
    customer = either_shape.v1.customers.create(wish)

    either_shape.v1.customers.update(customer.id, {"name": "Ada", "metadata": {"a": "", "c": "3"}})

    read = either_shape.v1.customers.retrieve(customer.id)
    assert (read.email, read.name) == ("ada@example.org", "Ada")
    assert read.metadata.to_dict() == {"b": "2", "c": "3"}


def test_list_finds_by_exact_address(stripe_client):
    """`GET /v1/customers?email=` compares exactly; the newest comes first."""
    first = stripe_client.v1.customers.create({"email": "ada@example.org"})
    second = stripe_client.v1.customers.create({"email": "ada@example.org"})
    stripe_client.v1.customers.create({"email": "Ada@example.org"})

    found = stripe_client.v1.customers.list({"email": "ada@example.org"})

    assert [customer.id for customer in found.data] == [second.id, first.id]


def test_search_finds_by_address_and_metadata(stripe_client):
    """Every clause of a search must hold; addresses are compared without case."""
    wanted = stripe_client.v1.customers.create(
        {"email": "ada@example.org", "metadata": {"tier": "pro"}}
    )
    stripe_client.v1.customers.create({"email": "ada@example.org", "metadata": {"tier": "leader"}})

    found = stripe_client.v1.customers.search(
        {"query": "email:'ADA@example.org' AND metadata['tier']:'pro'"}
    )

    assert [customer.id for customer in found.data] == [wanted.id]


def test_pages_are_walked_in_both_directions(stripe_client):
    """`starting_after` walks to older objects, as the package's own iterator does."""
    made = [stripe_client.v1.customers.create({"name": str(n)}).id for n in range(7)]

    walked = [c.id for c in stripe_client.v1.customers.list({"limit": 3}).auto_paging_iter()]
    back = stripe_client.v1.customers.list({"limit": 2, "ending_before": made[2]})

    assert walked == made[::-1]
    assert [customer.id for customer in back.data] == [made[4], made[3]]


def test_deleted_customer_is_a_stub_and_its_subscription_is_over(checked, stripe_client):
    """Deleting ends the subscriptions first; afterwards only a stub is shown."""
    checked.act("new_member", email="ada@example.org", first_name="Ada", last_name="Lovelace")
    customer = stripe_client.v1.customers.list({"email": "ada@example.org"}).data[0]

    stripe_client.v1.customers.delete(customer.id)

    assert stripe_client.v1.customers.retrieve(customer.id).deleted
    types = [event["type"] for event in checked.events()][-2:]
    assert types == ["customer.subscription.deleted", "customer.deleted"]


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (lambda c: c.v1.customers.retrieve("cus_nobody"), 404, "resource_missing"),
        (lambda c: c.v1.subscriptions.create({"customer": "cus_nobody"}), 400, "resource_missing"),
        (lambda c: c.v1.customers.create({"nonsense": "x"}), 400, "parameter_unknown"),
        (lambda c: c.v1.subscriptions.create({}), 400, "parameter_missing"),
    ],
)
def test_errors_come_in_stripes_envelope(sandbox, call, status, code):
    """The package turns the envelope into its own error, with status and code."""
    client = stripe.StripeClient("sk_test", base_addresses={"api": f"{sandbox.url}/stripe"})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(client)

    assert (refused.value.http_status, refused.value.code) == (status, code)
