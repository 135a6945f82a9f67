"""Does Stripe know our key, may it read what jobs read, and does Stripe send what starts something."""

from collections.abc import Iterator
from typing import Final

from include.check_results import CheckContext, CheckResult, failed, ok, warning
from include.errors import PermanentVendorError
from include.routing import STARTING_TYPES, STRIPE_PATH
from include.vendors.clock_skew import compare_clocks
from include.vendors.manifest import VendorAccess
from include.vendors.stripe.client import READ_KINDS, connect
from include.vendors.stripe.endpoints import WebhookEndpoint, ours_of, types_unsent


def look(access: VendorAccess, context: CheckContext) -> Iterator[CheckResult]:
    """Read one of each kind that jobs read, and ask where events are sent."""
    stripe, theirs = connect(access), None
    for kind in READ_KINDS:
        name = f"Stripe: {kind}"
        try:
            theirs = stripe.check(kind)
        except PermanentVendorError as error:
            yield failed(name, str(error), f"use a key that may read {kind}")
        else:
            yield ok(name, "can be read")
    yield compare_clocks("Stripe", theirs, context)
    try:
        endpoints = stripe.list_webhook_endpoints()
    except PermanentVendorError:
        needed = ", ".join(sorted(STARTING_TYPES["stripe"]))
        yield warning(
            "Stripe: webhooks",
            "this key may not see where events are sent",
            f"see in Stripe's dashboard that all of these go to the relay: {needed}",
        )
    else:
        yield _webhooks(endpoints)


def _webhooks(endpoints: list[WebhookEndpoint]) -> CheckResult:
    """Say whether Stripe sends every type of event that starts something."""
    name = "Stripe: webhooks"
    ours = ours_of(endpoints)
    advice = f"add an endpoint in Stripe's dashboard that ends in {STRIPE_PATH}"
    if not ours:
        return failed(name, "no endpoint of Stripe's leads to a relay", advice)
    enabled = [one for one in ours if one.is_enabled]
    if not enabled:
        return failed(name, "the endpoint is disabled", "enable it in Stripe's dashboard")
    if missing := types_unsent(enabled):
        return failed(
            name,
            f"Stripe does not send {', '.join(sorted(missing))}",
            "add these events to the endpoint in Stripe's dashboard",
        )
    return ok(name, "Stripe sends all that we need")


LOOKS: Final = {"Stripe": look}
