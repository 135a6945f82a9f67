"""Stripe's objects as new ones look, in the shape of API 2026-10-28.endive."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

Object = dict[str, Any]


def new_id(prefix: str) -> str:
    """Return an id that no other reset of the sandbox gives again."""
    return f"{prefix}_{token_hex(12)}"


def later(seconds: int, interval: str = "month") -> int:
    """Return the same moment of the next month or year, on the month's last day where needed."""
    start = datetime.fromtimestamp(seconds, UTC)
    months = start.year * 12 + start.month - 1 + (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def listing(url: str, data: list[Any], *, has_more: bool = False) -> Object:
    """Return a list object."""
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


ACCOUNT: Object = {
    "id": "acct_1Sandbox00000000",
    "object": "account",
    "country": "US",
    "settings": {"dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"}},
    "type": "standard",
}


def webhook_endpoint(
    url: str,
    now: int,
    *,
    events: Sequence[str] = ("*",),
    api_version: str | None = None,
    description: str | None = None,
) -> Object:
    """Return an endpoint that gets the events of these types; every event where it is `*`."""
    return {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": now,
        "description": description,
        "enabled_events": list(events),
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def customer(email: str | None, name: str | None, now: int) -> Object:
    """Return a new customer."""
    return {
        "id": new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": email,
        "invoice_prefix": token_hex(4).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": name,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def product(
    product_id: str, name: str, price_id: str, metadata: dict[str, str], now: int
) -> Object:
    """Return a product of the price list."""
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": now,
        "default_price": price_id,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": metadata,
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": now,
        "url": None,
    }


def price(price_id: str, product_id: str, cents: int, now: int, **more: Any) -> Object:
    """Return a monthly price of the price list; `more` are fields that are not as usual."""
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": "usd",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product_id,
        "recurring": recurring("month"),
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": cents,
        "unit_amount_decimal": str(cents),
        **more,
    }


def recurring(interval: str) -> Object:
    """Return how often a price is paid: each `month` or `year`."""
    return {
        "interval": interval,
        "interval_count": 1,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def plan(price_object: Object) -> Object:
    """Return the plan that older code reads, made from a price."""
    return {
        "id": price_object["id"],
        "object": "plan",
        "active": price_object["active"],
        "amount": price_object["unit_amount"],
        "amount_decimal": price_object["unit_amount_decimal"],
        "billing_scheme": price_object["billing_scheme"],
        "created": price_object["created"],
        "currency": price_object["currency"],
        "interval": price_object["recurring"]["interval"],
        "interval_count": price_object["recurring"]["interval_count"],
        "livemode": False,
        "metadata": price_object["metadata"],
        "meter": None,
        "nickname": price_object["nickname"],
        "product": price_object["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def subscription_item(subscription_id: str, price_object: Object, start: int, end: int) -> Object:
    """Return an item of a subscription, which carries the period."""
    return {
        "id": new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": start,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "plan": plan(price_object),
        "price": price_object,
        "quantity": 1,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def subscription(
    customer_id: str, prices: Sequence[Object], now: int, trial_end: int | None = None
) -> Object:
    """Return a subscription that starts now, with an item per price: active, or trialing until `trial_end`."""
    subscription_id = new_id("sub")
    end = trial_end or later(now, prices[0]["recurring"]["interval"])
    items = [subscription_item(subscription_id, price, now, end) for price in prices]
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": end if trial_end else now,
        "billing_mode": {"flexible": None, "type": "classic"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": "usd",
        "customer": customer_id,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listing(f"/v1/subscription_items?subscription={subscription_id}", items),
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": now if trial_end else None,
    }
