"""Subscriptions, invoices and checkout sessions, through Stripe's own package."""

import pytest
import stripe

PRO, LEADER = "price_pro_month", "price_leader_month"


@pytest.fixture
def customer(either_shape):
    return either_shape.v1.customers.create({"email": "ada@example.org"})


@pytest.fixture
def subscription(either_shape, customer):
    return either_shape.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": PRO}], "metadata": {"note": "x"}}
    )


def period_end(subscription):
    """Return the end of the period, from wherever the API version puts it."""
    item = subscription["items"].data[0]
    holder = item if "current_period_end" in item else subscription
    return holder["current_period_end"]


def test_start_makes_a_paid_invoice(either_shape, subscription):
    """A new subscription is active and its first invoice is paid."""
    invoices = either_shape.v1.invoices.list({"subscription": subscription.id})

    assert subscription.status == "active"
    assert [invoice.status for invoice in invoices.data] == ["paid"]
    assert invoices.data[0].id == subscription.latest_invoice


def test_period_is_where_the_version_puts_it(checked, either_shape, subscription):
    """2023: on the subscription. 2026: on its item. Never on both."""
    old = checked.ask("GET", "settings")["stripe_shape"] == "2023-08-16"

    assert ("current_period_end" in subscription) == old
    assert ("current_period_end" in subscription["items"].data[0]) != old


def test_end_at_period_end_is_planned_and_taken_back(either_shape, subscription):
    """`cancel_at_period_end` sets `cancel_at` to the period's end; false takes both back."""
    update = either_shape.v1.subscriptions.update

    planned = update(subscription.id, {"cancel_at_period_end": True})
    kept = update(subscription.id, {"cancel_at_period_end": False})

    assert (planned.cancel_at, planned.status) == (period_end(planned), "active")
    assert (kept.cancel_at, kept.canceled_at, kept.cancel_at_period_end) == (None, None, False)


def test_price_change_is_read_back(either_shape, subscription):
    """An update with another price changes the item and nothing else."""
    item = subscription["items"].data[0]

    change = {"items": [{"id": item.id, "price": LEADER}]}
    changed = either_shape.v1.subscriptions.update(subscription.id, change)

    assert changed["items"].data[0].price.id == LEADER
    assert changed["items"].data[0].price.metadata["tier"] == "leader"
    assert period_end(changed) == period_end(subscription)


def test_collection_is_paused_without_a_change_of_status(either_shape, subscription):
    """`pause_collection` leaves the status alone; an empty value takes it back."""
    update = either_shape.v1.subscriptions.update

    paused = update(subscription.id, {"pause_collection": {"behavior": "void"}})
    running = update(subscription.id, {"pause_collection": ""})

    assert (paused.pause_collection.behavior, paused.status) == ("void", "active")
    assert running.pause_collection is None


def test_trial_starts_without_a_charge(either_shape, customer):
    """A trial is `trialing` until its end, and its invoice is over nothing."""
    wish = {"customer": customer.id, "items": [{"price": PRO}], "trial_period_days": 7}
    trial = either_shape.v1.subscriptions.create({**wish, "expand": ["latest_invoice"]})

    assert trial.status == "trialing"
    assert trial.trial_end == period_end(trial) == trial.trial_start + 7 * 86_400
    assert trial.latest_invoice.amount_due == 0


def test_paused_subscription_is_resumed(checked, either_shape, customer, subscription):
    """Only a paused subscription can be resumed."""
    checked.act("pause", email="ada@example.org")

    resumed = either_shape.v1.subscriptions.resume(subscription.id)

    assert resumed.status == "active"
    with pytest.raises(stripe.InvalidRequestError):
        either_shape.v1.subscriptions.resume(subscription.id)


def test_ended_subscription_is_read_but_not_changed(either_shape, customer, subscription):
    """Cancel ends at once: listed only with `status=all`, and a change is a 404."""
    either_shape.v1.subscriptions.cancel(subscription.id)
    listed = either_shape.v1.subscriptions.list

    assert listed({"customer": customer.id}).data == []
    ended = listed({"customer": customer.id, "status": "all"}).data[0]
    assert (ended.status, ended.id) == ("canceled", subscription.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        either_shape.v1.subscriptions.update(subscription.id, {"metadata": {"a": "b"}})
    assert refused.value.http_status == 404


def test_ids_are_expanded_on_request(either_shape, customer, subscription):
    """`expand[]` puts the object where its id was, also inside of lists."""
    one = either_shape.v1.subscriptions.retrieve(subscription.id, {"expand": ["customer"]})
    listed = either_shape.v1.subscriptions.list({"expand": ["data.latest_invoice"]})
    product = either_shape.v1.subscriptions.retrieve(
        subscription.id, {"expand": ["items.data.price.product"]}
    )

    assert one.customer.email == "ada@example.org"
    assert listed.data[0].latest_invoice.status == "paid"
    assert product["items"].data[0].price.product.name == "Pro membership"


def test_price_list_names_its_tiers(either_shape):
    """Each tier has a product and a monthly price, found by the tier's name."""
    prices = either_shape.v1.prices.list({"lookup_keys": ["leader"]}).data
    products = {p.metadata["tier"]: p.default_price for p in either_shape.v1.products.list().data}

    assert [price.id for price in prices] == [LEADER]
    assert products == {
        "community": "price_community_month",
        "pro": PRO,
        "leader": LEADER,
    }


def test_checkout_is_opened_and_paid(checked, either_shape):
    """A session carries the reference from the site, and after payment all ids."""
    wish = {
        "mode": "subscription",
        "line_items": [{"price": PRO, "quantity": 1}],
        "client_reference_id": "user_1",
        "customer_email": "ada@example.org",
        "success_url": "https://example.org/welcome",
    }
    session = either_shape.v1.checkout.sessions.create(wish)

    checked.act("complete_checkout", session=session.id, name="Ada Lovelace")

    paid = either_shape.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert (paid.status, paid.payment_status) == ("complete", "paid")
    assert (paid.client_reference_id, paid.customer_details.email) == ("user_1", "ada@example.org")
    assert paid.line_items.data[0].price.id == PRO
    assert either_shape.v1.subscriptions.retrieve(paid.subscription).customer == paid.customer


def test_open_checkout_can_expire(either_shape):
    """An expired session cannot be paid any more."""
    wish = {"mode": "subscription", "line_items": [{"price": PRO, "quantity": 1}]}
    session = either_shape.v1.checkout.sessions.create(wish)

    assert either_shape.v1.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        either_shape.v1.checkout.sessions.expire(session.id)
