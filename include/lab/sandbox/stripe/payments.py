"""How invoices are paid, paid back and disputed: charges, refunds, disputes, which our cut of the descriptions lacks.

A charge is made when somebody asks for it: its id and its payment intent's follow from the invoice's.
"""

from typing import Literal

from include.lab.sandbox.stripe import errors, objects
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.shapes import NEW
from include.lab.sandbox.stripe.state import StripeState, changed

DisputeVerdict = Literal["won", "lost"]


def payments(invoice: Object) -> Object:
    """Return the list of an invoice's payments, as `expand` shows it."""
    data = [_payment(invoice)] if invoice["amount_paid"] else []
    return objects.listing(f"/v1/invoices/{invoice['id']}/payments", data)


def charge_of(state: StripeState, invoice: Object) -> Object:
    """Return the charge that paid an invoice, or refuse."""
    if not invoice["amount_paid"]:
        raise errors.not_now("Invoice is not paid")
    known = state.kinds["charge"].get(_id("ch", invoice))
    return known or state.add(_charge(invoice))


def paid_invoice(state: StripeState, subscription: Object) -> Object:
    """Return the newest invoice of a subscription that money was paid for, or refuse."""
    for invoice in reversed(state.of_customer("invoice", subscription["customer"])):
        details = invoice["parent"]["subscription_details"]
        if details["subscription"] == subscription["id"] and invoice["amount_paid"]:
            return invoice
    raise errors.not_now("Nothing was paid for this subscription")


def refund(state: StripeState, invoice: Object, cents: int | None = None) -> Object:
    """Pay an invoice back, in full or so many cents of it, and tell it. Returns the charge."""
    charge = charge_of(state, invoice)
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if cents is None else cents
    if not 0 < amount <= left:
        raise errors.not_now(f"Charge {charge['id']} has already been refunded.")
    made = state.add(_refund(charge, amount, state.now()))
    before = changed(charge, _paid_back(charge, amount))
    state.tell("refund.created", made)
    state.tell("charge.refunded", _told(state, invoice, charge), before)
    return charge


def take_refund_back(
    state: StripeState, invoice: Object, becomes: Literal["failed", "canceled"]
) -> Object:
    """Let the newest refund of an invoice fail, or be cancelled: the money stays. Returns the charge."""
    charge = charge_of(state, invoice)
    made = [r for r in state.kinds["refund"].values() if r["charge"] == charge["id"]]
    newest = next((r for r in reversed(made) if r["status"] == "succeeded"), None)
    if newest is None:
        raise errors.not_now("There is no refund that could be taken back")
    changes: Object = {"status": becomes}
    if becomes == "failed":
        changes["failure_reason"] = "lost_or_stolen_card"
    newest.setdefault("failure_reason", None)
    before = changed(newest, changes)
    charge.update(_paid_back(charge, -newest["amount"]))
    state.tell("refund.updated", newest, before)
    if becomes == "failed":
        state.tell("refund.failed", newest)
    return charge


def dispute(state: StripeState, invoice: Object) -> Object:
    """Let her bank take the money back for now. Returns the dispute."""
    charge = charge_of(state, invoice)
    if charge["disputed"]:
        raise errors.not_now("The charge is disputed already")
    charge["disputed"] = True
    made = state.add(_dispute(charge, state.now()))
    state.tell("charge.dispute.created", made)
    return made


def close_dispute(state: StripeState, invoice: Object, verdict: DisputeVerdict) -> Object:
    """Let the bank decide. Returns the dispute."""
    charge = charge_of(state, invoice)
    for made in state.kinds["dispute"].values():
        if made["charge"] == charge["id"] and made["status"] == "needs_response":
            before = changed(made, {"status": verdict})
            state.tell("charge.dispute.closed", made, before)
            return made
    raise errors.not_now("The charge has no open dispute")


def _id(prefix: str, invoice: Object) -> str:
    return f"{prefix}_{invoice['id'].partition('_')[2]}"


def _told(state: StripeState, invoice: Object, charge: Object) -> Object:
    """Return a charge as an event shows it: in older versions it names its invoice."""
    is_old = state.around.switches.stripe_shape != NEW
    return {**charge, "invoice": invoice["id"]} if is_old else charge


def _paid_back(charge: Object, cents: int) -> Object:
    total = charge["amount_refunded"] + cents
    return {"amount_refunded": total, "refunded": total == charge["amount"]}


def _refund(charge: Object, amount: int, now: int) -> Object:
    return {
        "id": objects.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": objects.new_id("txn"),
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "requested_by_customer",
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _dispute(charge: Object, now: int) -> Object:
    return {
        "id": objects.new_id("dp"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": None,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": charge["livemode"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }


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
    """Return the charge that paid an invoice."""
    return {
        "id": _id("ch", invoice),
        "object": "charge",
        "amount": invoice["amount_paid"],
        "amount_captured": invoice["amount_paid"],
        "amount_refunded": 0,
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
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
