"""An account that sells more than memberships, and whose cards do not always work."""

import pytest
import stripe

PRO = "price_pro_month"


def lists(sandbox, price, product, cents=500, **more):
    sandbox.act("list_price", price=price, product=product, cents=cents, **more)


def subscriptions(sandbox):
    return sandbox.ask("GET", "state/stripe")["subscription"]


def passes(sandbox, days):
    """Let days pass, and return the types of the events that came of it."""
    made = sandbox.ask("POST", "clock", json={"advance_seconds": days * 86_400})["events"]
    return [event["type"] for event in sandbox.events() if event["id"] in made]


def test_add_on_may_stand_first(checked, either_shape):
    """A subscription has an item per price, in the order in which they were taken, one invoice line each."""
    lists(checked, "price_coaching", "prod_coaching")
    made = checked.act("subscribe", prices=["price_coaching", PRO], email="ada@example.org")

    found = either_shape.v1.subscriptions.retrieve(made["stripe_subscription_id"])
    assert [item.price.id for item in found["items"].data] == ["price_coaching", PRO]
    invoice = either_shape.v1.invoices.retrieve(found.latest_invoice)
    assert (invoice.amount_paid, len(invoice.lines.data)) == (3500, 2)


def test_lookup_key_moves_to_a_new_price(checked, either_shape):
    """A key belongs to one price; subscriptions at the old one show it without a key."""
    made = checked.act("subscribe", prices=[PRO], email="ada@example.org")

    lists(checked, "price_pro_2027", "prod_pro", 4000, lookup_key="pro")

    found = either_shape.v1.prices.list({"lookup_keys": ["pro"]}).data
    assert [price.id for price in found] == ["price_pro_2027"]
    old = either_shape.v1.subscriptions.retrieve(made["stripe_subscription_id"])
    assert old["items"].data[0].price.lookup_key is None


def test_oldest_accounts_have_plans_only(checked):
    """Before 2020 an item had a `plan` and no `price`: events of such an account still have."""
    checked.ask("PATCH", "settings", json={"stripe_shape": "2019-12-03"})

    checked.act("subscribe", prices=[PRO], email="ada@example.org")

    (event,) = [e for e in checked.events() if e["type"] == "customer.subscription.created"]
    (item,) = event["payload"]["data"]["object"]["items"]["data"]
    assert "price" not in item
    assert (item["plan"]["id"], item["plan"]["product"]) == (PRO, "prod_pro")


def test_test_mode_is_another_world(checked, stripe_client):
    """What happens in test mode is told to the same endpoint, and the live key does not find it."""
    checked.ask("PATCH", "settings", json={"stripe_livemode": True})
    live = checked.act("subscribe", prices=[PRO], email="ada@example.org")
    test = checked.act("subscribe", prices=[PRO], email="ada@example.org", in_test_mode=True)

    modes = {
        event["payload"]["data"]["object"]["id"]: event["payload"]["livemode"]
        for event in checked.events()
        if event["type"] == "customer.subscription.created"
    }
    assert modes == {live["stripe_subscription_id"]: True, test["stripe_subscription_id"]: False}
    with pytest.raises(stripe.InvalidRequestError):
        stripe_client.v1.subscriptions.retrieve(test["stripe_subscription_id"])


def test_declined_card_leaves_nothing_complete(checked, either_shape):
    """Not paid within 23 hours the subscription is over, and its invoice void."""
    made = checked.act("subscribe", prices=[PRO], email="a@example.org", is_declined=True)
    read = either_shape.v1.subscriptions.retrieve
    before = read(made["stripe_subscription_id"])

    told = passes(checked, 1)

    after = read(made["stripe_subscription_id"])
    assert (before.status, after.status) == ("incomplete", "incomplete_expired")
    assert told == ["invoice.voided", "customer.subscription.updated"]


@pytest.mark.parametrize(
    ("dunning", "status"),
    [("cancel", "canceled"), ("unpaid", "unpaid"), ("leave", "past_due")],
)
def test_stripe_gives_up_as_the_account_says(checked, dunning, status):
    """A card that stays declined is tried after 3, 5 and 7 days more; then the account's settings decide."""
    checked.ask("PATCH", "settings", json={"stripe_dunning": dunning})
    made = checked.act("subscribe", prices=[PRO], email="ada@example.org")
    checked.act("card", customer=made["stripe_customer_id"], works=False)

    told = passes(checked, 31 + 16)

    (subscription,) = subscriptions(checked)
    assert subscription["status"] == status
    assert told.count("invoice.payment_failed") == 4


def test_card_that_works_again_is_found_by_itself(checked):
    """The next attempt takes the money, and the subscription is active again."""
    checked.ask("PATCH", "settings", json={"stripe_dunning": "cancel"})
    made = checked.act("subscribe", prices=[PRO], email="ada@example.org")
    checked.act("card", customer=made["stripe_customer_id"], works=False)
    passes(checked, 32)
    checked.act("card", customer=made["stripe_customer_id"], works=True)

    told = passes(checked, 4)

    assert "invoice.paid" in told
    assert subscriptions(checked)[0]["status"] == "active"


def test_nothing_is_collected_during_a_pause(checked):
    """`pause_collection`: the status stays, invoices are voided; a `paused` one has no periods at all."""
    made = checked.act("subscribe", prices=[PRO], email="ada@example.org")
    checked.act("pause_collection", subscription=made["stripe_subscription_id"])
    other = checked.act("subscribe", prices=[PRO], email="grace@example.org")
    checked.act("pause", subscription=other["stripe_subscription_id"])

    told = passes(checked, 32)

    assert told.count("invoice.voided") == told.count("invoice.created") == 1
    assert [one["status"] for one in subscriptions(checked)] == ["active", "paused"]


def test_fixed_term_ends_by_itself(checked, either_shape):
    """`cancel_at` from the first day: asked for when it began, renewed until then, over at that second."""
    made = checked.act("subscribe", prices=[PRO], email="ada@example.org", ends_after_days=45)
    subscription = either_shape.v1.subscriptions.retrieve(made["stripe_subscription_id"])
    assert subscription.cancel_at == subscription.start_date + 45 * 86_400

    passes(checked, 46)

    (over,) = subscriptions(checked)
    assert (over["status"], over["ended_at"]) == ("canceled", over["cancel_at"])


def test_months_have_a_date_each(checked):
    """What falls due while the clock is moved has its own date: a year is twelve renewals a month apart."""
    checked.act("subscribe", prices=[PRO], email="ada@example.org")

    passes(checked, 365)

    invoices = checked.ask("GET", "state/stripe")["invoice"]
    ends = [invoice["lines"]["data"][0]["period"]["end"] for invoice in invoices[:-1]]
    assert ends == [invoice["created"] for invoice in invoices[1:]]


@pytest.mark.parametrize("where", ["client_reference_id", "session", "subscription", "customer"])
def test_account_is_named_where_the_site_puts_it(checked, either_shape, where):
    """The session's metadata stay with the session: only `subscription_data` reaches the subscription."""
    made = checked.act(
        "subscribe", prices=[PRO], email="a@example.org", clerk_user_id="user_1", named_in=where
    )

    session = either_shape.v1.checkout.sessions.retrieve(made["checkout_session_id"])
    subscription = either_shape.v1.subscriptions.retrieve(session.subscription)
    customer = either_shape.v1.customers.retrieve(session.customer)
    named = {
        "client_reference_id": session.client_reference_id,
        "session": session.metadata.to_dict().get("clerk_user_id"),
        "subscription": subscription.metadata.to_dict().get("clerk_user_id"),
        "customer": customer.metadata.to_dict().get("clerk_user_id"),
    }
    assert named == {**dict.fromkeys(named), where: "user_1"}
