"""Checkout sessions: opened by the site, completed by a person, told by an event."""

from include.lab.sandbox.stripe import billing, customers, errors, invoices
from include.lab.sandbox.stripe.form import Form
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState

PLAIN_FIELDS = ("client_reference_id", "success_url", "cancel_url", "customer_email", "locale")


def create(state: StripeState, form: Form) -> Object:
    """Open a session for prices of the list."""
    if form.get("mode") != "subscription":
        raise errors.invalid("mode", "The sandbox only knows the mode `subscription`")
    items = form.get("line_items")
    if not isinstance(items, list) or not items or any("price" not in one for one in items):
        raise errors.missing("line_items[0][price]")
    prices = [state.named("price", one["price"], "line_items[0][price]") for one in items]
    session = invoices.checkout_session(prices, state.now())
    session.update({name: form[name] or None for name in PLAIN_FIELDS if name in form})
    session["metadata"] = form.get("metadata") or {}
    if "customer" in form:
        customer = state.named("customer", form["customer"], "customer")
        session["customer"] = customer["id"]
        session["customer_creation"] = None
    state.session_prices[session["id"]] = [price["id"] for price in prices]
    state.session_metadata[session["id"]] = form.get("subscription_data", {}).get("metadata") or {}
    return state.add(session)


def complete(
    state: StripeState, session: Object, *, email: str | None = None, name: str | None = None
) -> Object:
    """Let the person pay: a customer if new, the subscription, its invoice, then the session."""
    if session["status"] != "open":
        raise errors.not_now("This Checkout Session is not open")
    customer = _customer(state, session, email, name)
    prices = [state.price_of(price_id) for price_id in state.session_prices[session["id"]]]
    metadata = state.session_metadata[session["id"]]
    subscription = billing.start(state, customer, prices, metadata=metadata)
    session.update(
        customer=customer["id"],
        customer_details=invoices.customer_details(customer["email"], customer["name"]),
        invoice=subscription["latest_invoice"],
        payment_status="paid",
        status="complete",
        subscription=subscription["id"],
        url=None,
    )
    state.tell("checkout.session.completed", session)
    return session


def _customer(state: StripeState, session: Object, email: str | None, name: str | None) -> Object:
    if session["customer"] is not None:
        return state.get("customer", session["customer"])
    return customers.create(state, {"email": email or session["customer_email"], "name": name})


def expire(state: StripeState, session: Object) -> Object:
    """Close a session that nobody completed."""
    if session["status"] != "open":
        raise errors.not_now('Only Checkout Sessions with a status in ["open"] can be expired.')
    session.update(status="expired", url=None)
    state.tell("checkout.session.expired", session)
    return session


def line_items(state: StripeState, session: Object) -> list[Object]:
    """Return a session's lines, one for each price."""
    prices = [state.price_of(price_id) for price_id in state.session_prices[session["id"]]]
    return [_line(session, number, price) for number, price in enumerate(prices)]


def _line(session: Object, number: int, price: Object) -> Object:
    amount = price["unit_amount"]
    return {
        "id": f"li_{session['id'][-14:]}{number}",
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": "usd",
        "description": price["metadata"].get("tier") or price["id"],
        "price": price,
        "quantity": 1,
    }
