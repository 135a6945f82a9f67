"""How invoices are paid, and paid back: charges, which our cut of the descriptions lacks.

A charge and its payment intent are not kept: their ids follow from the invoice's.
"""

from include.lab.sandbox.stripe import errors, objects
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.shapes import OLD
from include.lab.sandbox.stripe.state import StripeState


def payments(invoice: Object) -> Object:
    """Return the list of an invoice's payments, as `expand` shows it."""
    data = [_payment(invoice)] if invoice["amount_paid"] else []
    return objects.listing(f"/v1/invoices/{invoice['id']}/payments", data)


def refund(state: StripeState, subscription: Object) -> Object:
    """Pay the newest invoice of a subscription back in full, and tell it. Returns the charge."""
    invoice = state.get("invoice", str(subscription["latest_invoice"]))
    if not invoice["amount_paid"]:
        raise errors.not_now("Invoice is not paid")
    charge = _charge(invoice)
    if state.around.switches.stripe_shape == OLD:
        charge["invoice"] = invoice["id"]
    state.tell("charge.refunded", charge, {"amount_refunded": 0, "refunded": False})
    return charge


def _id(prefix: str, invoice: Object) -> str:
    return f"{prefix}_{invoice['id'].partition('_')[2]}"


def _payment(invoice: Object) -> Object:
    return {
        "id": _id("inpay", invoice),
        "object": "invoice_payment",
        "amount_paid": invoice["amount_paid"],
        "amount_requested": invoice["amount_due"],
        "created": invoice["created"],
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": _id("pi", invoice), "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {
            "canceled_at": None,
            "paid_at": invoice["status_transitions"]["paid_at"],
        },
    }


def _charge(invoice: Object) -> Object:
    """Return the charge of an invoice that was paid back in full."""
    return {
        "id": _id("ch", invoice),
        "object": "charge",
        "amount": invoice["amount_paid"],
        "amount_captured": invoice["amount_paid"],
        "amount_refunded": invoice["amount_paid"],
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": _id("txn", invoice),
        "billing_details": {
            "address": None,
            "email": invoice["customer_email"],
            "name": invoice["customer_name"],
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": None,
        "captured": True,
        "created": invoice["created"],
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": "Subscription update",
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": None,
        "paid": True,
        "payment_intent": _id("pi", invoice),
        "payment_method": None,
        "payment_method_details": None,
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": True,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
