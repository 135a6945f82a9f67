"""Money that is paid back, taken back or disputed: charges, refunds and disputes as Stripe keeps them."""

from importlib import import_module

import pytest

from tests import contracts

MONTH = 31 * 86_400


@pytest.fixture
def subscription(checked):
    """Let somebody subscribe, and return what Stripe calls it."""
    made = checked.act("subscribe", prices=["price_pro_month"], email="ada@example.org")
    return made["stripe_subscription_id"]


def told(sandbox, *kinds):
    """Return the payloads of these types, oldest first."""
    return [e["payload"] for e in sandbox.events() if e["type"] in kinds]


def test_part_of_a_charge_is_paid_back(checked, stripe_client, subscription):
    """A part leaves `refunded` false; the rest makes it true."""
    first = checked.act("refund_invoice", subscription=subscription, cents=400)
    charge = stripe_client.v1.charges.retrieve(first["charge"])
    checked.act("refund_invoice", subscription=subscription)
    whole = stripe_client.v1.charges.retrieve(first["charge"])

    assert (charge.amount_refunded, charge.refunded) == (400, False)
    assert (whole.amount_refunded, whole.refunded) == (3000, True)
    refunds = stripe_client.v1.refunds.list({"charge": first["charge"]}).data
    assert [(one.amount, one.status) for one in refunds] == [
        (2600, "succeeded"),
        (400, "succeeded"),
    ]


@pytest.mark.parametrize("becomes", ["failed", "canceled"])
def test_refund_is_taken_back(checked, stripe_client, subscription, becomes):
    """A refund that fails or is cancelled leaves the money where it was; only a failure has an event of its own."""
    charge_id = checked.act("refund_invoice", subscription=subscription)["charge"]

    checked.act("refund_taken_back", subscription=subscription, becomes=becomes)

    charge = stripe_client.v1.charges.retrieve(charge_id)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    (updated,) = told(checked, "refund.updated")
    assert updated["data"]["object"]["status"] == becomes
    assert len(told(checked, "refund.failed")) == (becomes == "failed")


@pytest.mark.parametrize("verdict", ["won", "lost"])
def test_dispute_is_opened_and_closed(checked, stripe_client, subscription, verdict):
    """A dispute leaves the charge paid and not refunded; the bank's word closes it."""
    made = checked.act("dispute", subscription=subscription)["dispute"]
    checked.act("dispute", subscription=subscription, becomes=verdict)

    dispute = stripe_client.v1.disputes.retrieve(made)
    charge = stripe_client.v1.charges.retrieve(dispute.charge)
    assert (dispute.status, charge.disputed, charge.refunded) == (verdict, True, False)
    kinds = [e["type"] for e in checked.events() if e["type"].startswith("charge.dispute")]
    assert kinds == ["charge.dispute.created", "charge.dispute.closed"]


def test_upgrade_invoices_the_difference(checked, stripe_client, subscription):
    """Half a month from pro to leader: 1500 given back, 3000 asked for, both of them proration lines."""
    checked.ask("POST", "clock", json={"advance_seconds": MONTH / 2})

    checked.act("upgrade", subscription=subscription, prices=["price_leader_month"])

    invoice = stripe_client.v1.invoices.list({"subscription": subscription}).data[0]
    lines = [line.parent.invoice_item_details.proration for line in invoice.lines.data]
    assert (invoice.billing_reason, invoice.status, lines) == (
        "subscription_update",
        "paid",
        [True, True],
    )
    assert 1300 < invoice.amount_paid < 1700
    checked.act("refund_invoice", subscription=subscription)
    (refunded,) = told(checked, "charge.refunded")
    assert refunded["data"]["object"]["amount"] == invoice.amount_paid


def test_other_interval_begins_a_period(checked, stripe_client, subscription):
    """From a month to a year: the year begins now, and its line is no proration."""
    checked.act(
        "list_price", price="price_pro_year", product="prod_pro", cents=30_000, interval="year"
    )

    checked.act("upgrade", subscription=subscription, prices=["price_pro_year"])

    invoice = stripe_client.v1.invoices.list({"subscription": subscription}).data[0]
    kinds = [line.parent.type for line in invoice.lines.data]
    assert kinds == ["invoice_item_details", "subscription_item_details"]
    assert invoice.amount_paid == 27_000
    item = stripe_client.v1.subscriptions.retrieve(subscription)["items"].data[0]
    assert item.current_period_end - item.current_period_start > 360 * 86_400


def test_cancelled_at_once_pays_the_rest_back(checked, stripe_client, subscription):
    """What is left of the period is paid back: a part of the charge, and the subscription is over."""
    checked.ask("POST", "clock", json={"advance_seconds": MONTH / 2})

    checked.act("cancel_and_refund", subscription=subscription, refund="prorated")

    (refunded,) = told(checked, "charge.refunded")
    charge = refunded["data"]["object"]
    assert not charge["refunded"]
    assert 1300 < charge["amount_refunded"] < 1700
    assert stripe_client.v1.subscriptions.retrieve(subscription).status == "canceled"


@pytest.mark.parametrize(
    "path", contracts.examples("stripe/resources/refund.json"), ids=contracts.name_of
)
def test_refund_looks_like_the_recorded_one(path, checked, subscription):
    """Our cut of the description has no refunds: the example says which fields there are."""
    example = contracts.load(path)

    checked.act("refund_invoice", subscription=subscription)

    (made,) = told(checked, "refund.created")
    assert set(made["data"]["object"]) <= set(example)


def test_dispute_has_the_fields_that_the_package_knows(checked, subscription):
    """Nobody recorded a dispute: the package's types say which fields there are, and which must be."""
    known = import_module("stripe._dispute").Dispute.__annotations__
    may_be_missing = ("Optional", "ClassVar")
    required = {n for n, kind in known.items() if not any(m in str(kind) for m in may_be_missing)}

    checked.act("dispute", subscription=subscription)

    (made,) = told(checked, "charge.dispute.created")
    fields = set(made["data"]["object"])
    assert required
    assert required <= fields <= set(known)
