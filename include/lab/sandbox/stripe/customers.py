"""What happens to customers."""

from typing import Any

from include.lab.sandbox.stripe import billing, objects
from include.lab.sandbox.stripe.form import Form, merged_metadata
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState, changed

FIELDS = ("email", "name", "description", "phone")


def create(state: StripeState, form: Form) -> Object:
    """Create a customer and tell it."""
    customer = objects.customer(None, None, state.now())
    customer.update(_changes(customer, form))
    state.add(customer)
    state.tell("customer.created", customer)
    return customer


def update(state: StripeState, customer: Object, form: Form) -> Object:
    """Change a customer; tell it if something changed."""
    before = changed(customer, _changes(customer, form))
    if before:
        state.tell("customer.updated", customer, before)
    return customer


def _changes(customer: Object, form: Form) -> dict[str, Any]:
    changes: dict[str, Any] = {name: form[name] or None for name in FIELDS if name in form}
    if "metadata" in form:
        changes["metadata"] = merged_metadata(customer["metadata"], form["metadata"])
    return changes


def delete(state: StripeState, customer: Object) -> Object:
    """Delete a customer: the subscriptions end first, as at Stripe."""
    for subscription in state.of_customer("subscription", customer["id"]):
        if subscription["status"] not in billing.OVER:
            billing.cancel(state, subscription)
    del state.kinds["customer"][customer["id"]]
    state.tell("customer.deleted", customer)
    state.deleted_customers.add(customer["id"])
    return stub(customer["id"])


def stub(customer_id: str) -> Object:
    """Return what is left of a deleted customer."""
    return {"id": customer_id, "object": "customer", "deleted": True}
