"""The same objects as an account sees them whose API version is 2023-08-16, or from before there were prices.

The differences are those between Stripe's descriptions of the two versions: the period moved from
the subscription to its items, the invoice's subscription into `parent`, a line's price into
`pricing`.
"""

from collections.abc import Callable
from typing import Any

from include.lab.sandbox.stripe.objects import Object, plan

NEW = "2026-10-28.endive"
OLD = "2023-08-16"
PLANS = "2019-12-03"  # items have a plan and no price
DESCRIPTIONS = {NEW: "stripe.openapi.json", OLD: "stripe-2023-08-16.openapi.json"}
"""The file that describes each version; nobody here describes the oldest one."""

NOT_IN_OLD: dict[str, frozenset[str]] = {
    "subscription": frozenset(
        {"billing_mode", "billing_schedules", "customer_account", "discounts", "invoice_settings"}
    ),
    "subscription_item": frozenset(
        {"current_period_end", "current_period_start", "discounts", "plan"}
    ),
    "invoice": frozenset(
        {
            "amount_overpaid",
            "automatically_finalizes_at",
            "customer_account",
            "issuer",
            "parent",
        }
    ),
    "line_item": frozenset(
        {"invoice", "parent", "pretax_credit_amounts", "pricing", "subtotal", "taxes"}
    ),
    "product": frozenset({"marketing_features", "type"}),
    "price": frozenset(),
}


def render(document: Object, shape: str, price_of: Callable[[str], Object]) -> Object:
    """Return an object in a version's shape; `price_of` finds a price by its id."""
    if shape == NEW:
        return document
    old = {**_old(document, price_of)}
    return {**_with_plans(old)} if shape == PLANS else old


def _with_plans(value: Any) -> Any:
    """Return an object of 2023 as before there were prices: items and lines have the price as their `plan`."""
    if isinstance(value, list):
        return [_with_plans(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _with_plans(item) for name, item in value.items()}
    if kept.get("object") in ("subscription_item", "line_item"):
        kept["plan"] = plan(value["price"])
        del kept["price"]
    return kept


def _old(value: Any, price_of: Callable[[str], Object]) -> Any:
    if isinstance(value, list):
        return [_old(item, price_of) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("object")
    dropped = NOT_IN_OLD.get(str(kind), frozenset())
    kept = {name: _old(item, price_of) for name, item in value.items() if name not in dropped}
    return {**kept, **_only_in_old(str(kind), value, price_of)}


def _only_in_old(kind: str, new: Object, price_of: Callable[[str], Object]) -> Object:
    if kind == "line_item":
        return _line_item(new, price_of)
    return ONLY_IN_OLD[kind](new) if kind in ONLY_IN_OLD else {}


def _subscription(new: Object) -> Object:
    item = new["items"]["data"][0]
    tax = {"enabled": new["automatic_tax"]["enabled"]}
    return {
        "automatic_tax": tax,
        "current_period_end": item["current_period_end"],
        "current_period_start": item["current_period_start"],
        "discount": None,
    }


def _invoice(new: Object) -> Object:
    details = new["parent"]["subscription_details"]
    return {
        "application_fee_amount": None,
        "automatic_tax": {"enabled": False, "status": None},
        "charge": None,
        "discount": None,
        "paid": new["status"] == "paid",
        "paid_out_of_band": False,
        "payment_intent": None,
        "quote": None,
        "rendering_options": None,
        "subscription": details["subscription"],
        "subscription_details": {"metadata": details["metadata"]},
        "tax": None,
        "total_tax_amounts": [],
        "transfer_data": None,
    }


def _line_item(new: Object, price_of: Callable[[str], Object]) -> Object:
    parent = new["parent"]
    item = parent["subscription_item_details"]
    details = item or parent["invoice_item_details"]
    return {
        **({} if item else {"invoice_item": details["invoice_item"]}),
        "price": _old(price_of(new["pricing"]["price_details"]["price"]), price_of),
        "proration": details["proration"],
        "proration_details": {"credited_items": None},
        "subscription": details["subscription"],
        **({"subscription_item": item["subscription_item"]} if item else {}),
        "tax_amounts": [],
        "tax_rates": [],
        "type": "subscription" if item else "invoiceitem",
    }


def _price(new: Object) -> Object:
    not_in_old = ("meter", "trial_period_days")
    recurring = {k: v for k, v in new["recurring"].items() if k not in not_in_old}
    return {"recurring": {**recurring, "aggregate_usage": None}}


def _product(_new: Object) -> Object:
    return {"features": []}


def _checkout_session(_new: Object) -> Object:
    return {
        "automatic_tax": {"enabled": False, "status": None},
        "custom_text": {"shipping_address": None, "submit": None},
    }


ONLY_IN_OLD: dict[str, Callable[[Object], Object]] = {
    "subscription": _subscription,
    "invoice": _invoice,
    "price": _price,
    "product": _product,
    "checkout.session": _checkout_session,
}
