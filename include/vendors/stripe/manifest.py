"""Stripe: who pays."""

import re
from typing import Final

from include.vendors.manifest import Manifest, Need, WebhookSecret

KEY: Final = r"(sk|rk)_(?P<mode>live|test)_\S+"
PACKAGE: Final = """
    _stripe_client _v1_services _customer_service _subscription_service _account_service
    _charge_service _checkout_service _dispute_service _event_service _invoice_service
    _price_service _product_service _refund_service _webhook_endpoint_service
    checkout._session_service v2._core_service v2.core._account_service
    v2.core._event_destination_service _object_classes _telemetry_id _customer _subscription
    _subscription_item _price _plan _product _invoice _invoice_line_item
"""
"""What Stripe's package imports with the first call and the first answer of each kind."""
SECRET: Final = re.compile(r"whsec_[A-Za-z0-9_+/=-]{14,}")


def is_secret(secret: str) -> bool:
    """Tell whether it has the form of a secret of Stripe's webhooks."""
    return SECRET.fullmatch(secret) is not None


VENDOR: Final = Manifest(
    name="stripe",
    keeps_members_as="Stripe",
    needs={"stripe": Need(key=KEY, host=r"api\.stripe\.com")},
    webhook=WebhookSecret(
        variable="OPS_STRIPE_WEBHOOK_SECRETS",
        is_one=is_secret,
        first="First, in Stripe's dashboard, Webhooks, the endpoint: Roll secret; the old one expires in 24 hours.",
    ),
    preload=("include.vendors.stripe.client", *(f"stripe.{name}" for name in PACKAGE.split())),
)
