"""Stripe's operations: HTTP in and out."""

from fnmatch import fnmatchcase
from typing import Any

import orjson

from include.lab.sandbox.stripe import billing, checkout, customers, errors, objects
from include.lab.sandbox.stripe.account import authorize, once
from include.lab.sandbox.stripe.accounts import account_routes
from include.lab.sandbox.stripe.answers import (
    description_of,
    expansions,
    form_of,
    listed,
    owned,
    searched,
    shape_of,
    shown,
)
from include.lab.sandbox.stripe.endpoints import endpoint_routes
from include.lab.sandbox.stripe.form import Form, merged_metadata, truth, whole_number
from include.lab.sandbox.stripe.lists import created_fits, expanded, page
from include.lab.sandbox.stripe.money import money_routes
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.stripe.thin import is_thin, thin_routes
from include.lab.sandbox.stripe.webhooks import WEBHOOKS
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import Answer, Call, Routes, json_answer

ROUTES = Routes()
PAGING = ("limit", "starting_after", "ending_before", "created")
CUSTOMER_FIELDS = (*customers.FIELDS, "metadata", "payment_method", "source", "invoice_settings")
SUBSCRIPTION_FIELDS = (
    "cancel_at",
    "cancel_at_period_end",
    "cancellation_details",
    "collection_method",
    "default_payment_method",
    "description",
    "items",
    "metadata",
    "pause_collection",
    "payment_behavior",
    "proration_behavior",
    "trial_end",
)
SESSION_FIELDS = (
    *checkout.PLAIN_FIELDS,
    "customer",
    "line_items",
    "metadata",
    "mode",
    "payment_method_types",
    "allow_promotion_codes",
    "subscription_data",
)


@ROUTES.on("GET", "/v1/customers")
def list_customers(state: StripeState, call: Call) -> Answer:
    """List customers, newest first; `email` is compared exactly, as Stripe does."""
    form = form_of(call, (*PAGING, "email"))
    email = form.get("email")
    found = [c for c in state.newest_first("customer") if email in (None, c["email"])]
    return listed(state, call, found, form)


@ROUTES.on("GET", "/v1/customers/search")
def search_customers(state: StripeState, call: Call) -> Answer:
    """Search customers by `email:'…'`, `name:'…'`, `metadata['…']:'…'`, joined by AND."""
    return searched(state, call, "customer")


@ROUTES.on("POST", "/v1/customers")
def create_customer(state: StripeState, call: Call) -> Answer:
    """Create a customer."""
    return shown(state, call, customers.create(state, form_of(call, CUSTOMER_FIELDS)))


@ROUTES.on("GET", "/v1/customers/{customer}")
def get_customer(state: StripeState, call: Call, customer: str) -> Answer:
    """Return a customer; a deleted one is only a stub."""
    if customer in state.deleted_customers:
        return json_answer(customers.stub(customer))
    return shown(state, call, state.get("customer", customer))


@ROUTES.on("POST", "/v1/customers/{customer}")
def update_customer(state: StripeState, call: Call, customer: str) -> Answer:
    """Change a customer."""
    form = form_of(call, CUSTOMER_FIELDS)
    return shown(state, call, customers.update(state, state.get("customer", customer), form))


@ROUTES.on("DELETE", "/v1/customers/{customer}")
def delete_customer(state: StripeState, _call: Call, customer: str) -> Answer:
    """Delete a customer, whose subscriptions end at once."""
    return json_answer(customers.delete(state, state.get("customer", customer)))


def catalogue(kind: str, plural: str) -> None:
    """Register list and get of a kind that only the sandbox's price list makes."""

    @ROUTES.on("GET", f"/v1/{plural}")
    def list_all(state: StripeState, call: Call) -> Answer:
        form = form_of(call, (*PAGING, "active", "product", "lookup_keys", "type", "ids"))
        keys, product, active = form.get("lookup_keys"), form.get("product"), truth(form, "active")
        found = [
            item
            for item in state.newest_first(kind)
            if (keys is None or item.get("lookup_key") in keys)
            and product in (None, item.get("product"))
            and active in (None, item["active"])
        ]
        return listed(state, call, found, form)

    @ROUTES.on("GET", f"/v1/{plural}/{{object_id}}")
    def get_one(state: StripeState, call: Call, object_id: str) -> Answer:
        return shown(state, call, state.get(kind, object_id))


catalogue("product", "products")
catalogue("price", "prices")


@ROUTES.on("GET", "/v1/account")
def get_account(_state: StripeState, _call: Call) -> Answer:
    """Return the account of the key."""
    return json_answer(objects.ACCOUNT)


@ROUTES.on("GET", "/v1/subscriptions")
def list_subscriptions(state: StripeState, call: Call) -> Answer:
    """List subscriptions; without `status` those that have not ended."""
    form = form_of(call, (*PAGING, "customer", "customer_account", "status", "price"))
    status, price = form.get("status"), form.get("price")
    found = [
        s
        for s in owned(state, "subscription", form)
        if (s["status"] not in billing.OVER if status is None else status in ("all", s["status"]))
        and (price is None or price in [item["price"]["id"] for item in s["items"]["data"]])
    ]
    return listed(state, call, found, form)


@ROUTES.on("GET", "/v1/subscriptions/search")
def search_subscriptions(state: StripeState, call: Call) -> Answer:
    """Search subscriptions by `status:'…'` or `metadata['…']:'…'`, joined by AND."""
    return searched(state, call, "subscription")


@ROUTES.on("POST", "/v1/subscriptions")
def create_subscription(state: StripeState, call: Call) -> Answer:
    """Start a subscription."""
    form = form_of(call, (*SUBSCRIPTION_FIELDS, "customer", "trial_period_days"))
    if "customer" not in form:
        raise errors.missing("customer")
    customer = state.named("customer", form["customer"], "customer")
    prices = [price for _, price in items_in(state, form)]
    if not prices:
        raise errors.missing("items")
    days = whole_number(form, "trial_period_days")
    trial_end = state.now() + days * 86_400 if days else whole_number(form, "trial_end")
    metadata = merged_metadata({}, form.get("metadata"))
    subscription = billing.start(
        state,
        customer,
        prices,
        trial_end=trial_end,
        cancel_at=whole_number(form, "cancel_at"),
        metadata=metadata,
    )
    form.pop("cancel_at", None)
    changes = subscription_changes(state, subscription, form)
    return shown(state, call, billing.change(state, subscription, changes))


@ROUTES.on("GET", "/v1/subscriptions/{subscription}")
def get_subscription(state: StripeState, call: Call, subscription: str) -> Answer:
    """Return a subscription, ended ones too."""
    return shown(state, call, state.get("subscription", subscription))


@ROUTES.on("POST", "/v1/subscriptions/{subscription}")
def update_subscription(state: StripeState, call: Call, subscription: str) -> Answer:
    """Change a subscription."""
    form = form_of(call, SUBSCRIPTION_FIELDS)
    found = state.get("subscription", subscription)
    billing.refuse_if_over(found)
    changes = subscription_changes(state, found, form)
    if items := items_in(state, form):
        changes["items"] = billing.items_with(found, items)
    return shown(state, call, billing.change(state, found, changes))


@ROUTES.on("POST", "/v1/subscriptions/{subscription}/resume")
def resume_subscription(state: StripeState, call: Call, subscription: str) -> Answer:
    """Let a paused subscription run again."""
    form_of(call, ("billing_cycle_anchor", "proration_behavior", "proration_date"))
    return shown(state, call, billing.resume(state, state.get("subscription", subscription)))


@ROUTES.on("DELETE", "/v1/subscriptions/{subscription}")
def cancel_subscription(state: StripeState, call: Call, subscription: str) -> Answer:
    """End a subscription now."""
    return shown(state, call, billing.cancel(state, state.get("subscription", subscription)))


@ROUTES.on("GET", "/v1/subscription_items")
def list_subscription_items(state: StripeState, call: Call) -> Answer:
    """List the items of a subscription."""
    form = form_of(call, (*PAGING, "subscription"))
    if "subscription" not in form:
        raise errors.missing("subscription")
    found = state.named("subscription", form["subscription"], "subscription")
    return listed(state, call, found["items"]["data"], form)


@ROUTES.on("GET", "/v1/invoices")
def list_invoices(state: StripeState, call: Call) -> Answer:
    """List invoices, newest first."""
    form = form_of(call, (*PAGING, "customer", "customer_account", "subscription", "status"))
    subscription, status = form.get("subscription"), form.get("status")
    found = [
        i
        for i in owned(state, "invoice", form)
        if subscription in (None, i["parent"]["subscription_details"]["subscription"])
        and status in (None, i["status"])
    ]
    return listed(state, call, found, form)


@ROUTES.on("GET", "/v1/invoices/{invoice}")
def get_invoice(state: StripeState, call: Call, invoice: str) -> Answer:
    """Return an invoice."""
    return shown(state, call, state.get("invoice", invoice))


@ROUTES.on("GET", "/v1/invoices/{invoice}/lines")
def list_invoice_lines(state: StripeState, call: Call, invoice: str) -> Answer:
    """List an invoice's lines."""
    lines = state.get("invoice", invoice)["lines"]["data"]
    return listed(state, call, lines, form_of(call, PAGING))


@ROUTES.on("GET", "/v1/checkout/sessions")
def list_sessions(state: StripeState, call: Call) -> Answer:
    """List checkout sessions, newest first."""
    form = form_of(call, (*PAGING, "customer", "subscription", "status"))
    wanted = {name: form[name] for name in ("customer", "subscription", "status") if name in form}
    found = [
        s
        for s in state.newest_first("checkout.session")
        if all(s[name] == value for name, value in wanted.items())
    ]
    return listed(state, call, found, form)


@ROUTES.on("POST", "/v1/checkout/sessions")
def create_session(state: StripeState, call: Call) -> Answer:
    """Open a checkout session."""
    return shown(state, call, checkout.create(state, form_of(call, SESSION_FIELDS)))


@ROUTES.on("GET", "/v1/checkout/sessions/{session}")
def get_session(state: StripeState, call: Call, session: str) -> Answer:
    """Return a checkout session."""
    found = state.get("checkout.session", session)
    url = f"/v1/checkout/sessions/{session}/line_items"
    paths = expansions(call)
    if "line_items" in paths:
        found = {**found, "line_items": objects.listing(url, checkout.line_items(state, found))}
    return json_answer(
        state.rendered(
            expanded(state, found, [p for p in paths if p != "line_items"]), shape_of(call)
        )
    )


@ROUTES.on("GET", "/v1/checkout/sessions/{session}/line_items")
def list_session_items(state: StripeState, call: Call, session: str) -> Answer:
    """List a checkout session's lines."""
    items = checkout.line_items(state, state.get("checkout.session", session))
    return listed(state, call, items, form_of(call, PAGING))


@ROUTES.on("POST", "/v1/checkout/sessions/{session}/expire")
def expire_session(state: StripeState, call: Call, session: str) -> Answer:
    """Close a checkout session that nobody completed."""
    return shown(state, call, checkout.expire(state, state.get("checkout.session", session)))


@ROUTES.on("GET", "/v1/events")
def list_events(state: StripeState, call: Call) -> Answer:
    """List events, newest first, in the shape they were made in."""
    form = form_of(call, (*PAGING, "type", "types", "delivery_success"))
    kinds = form.get("types") or [form.get("type", "*")]
    delivered = truth(form, "delivery_success")
    found = [
        event
        for event in reversed(list(state.around.outbox))
        if event.vendor == "stripe"
        and not is_thin(event)
        and any(fnmatchcase(event.type, kind) for kind in kinds)
        and delivered in (None, event.delivered or not event.is_wanted)
        and created_fits(event.created, form)
    ]
    events, more = page(found, form, lambda event: event.id)
    data = [orjson.Fragment(event.payload) for event in events]
    return json_answer(objects.listing("/v1/events", data, has_more=more))


@ROUTES.on("GET", "/v1/events/{event_id}")
def get_event(state: StripeState, _call: Call, event_id: str) -> Answer:
    """Return an event."""
    event = state.around.outbox.get(event_id)
    if event is None or event.vendor != "stripe":
        raise errors.no_such("event", event_id)
    return Answer(200, event.payload, "application/json")


def items_in(state: StripeState, form: Form) -> list[tuple[str | None, Object]]:
    """Return the items that a form names: the id of one that is there, if it is, and its price."""
    items = form.get("items") or []
    if not isinstance(items, list) or any("price" not in item for item in items):
        raise errors.missing("items[0][price]")
    return [
        (item.get("id"), state.named("price", item["price"], "items[0][price]")) for item in items
    ]


def subscription_changes(state: StripeState, subscription: Object, form: Form) -> dict[str, Any]:
    """Return the fields that a form changes, the price left aside."""
    changes: dict[str, Any] = {}
    at_period_end = truth(form, "cancel_at_period_end")
    if at_period_end is not None:
        end = subscription["items"]["data"][0]["current_period_end"]
        changes |= billing.ending(
            state.now() if at_period_end else None,
            cancel_at=end if at_period_end else None,
            at_period_end=at_period_end,
        )
    if "cancel_at" in form:
        end = whole_number(form, "cancel_at")
        asked_at = state.now() if end else None
        changes |= billing.ending(asked_at, cancel_at=end, at_period_end=False)
    if "pause_collection" in form:
        pause = form["pause_collection"] or None
        changes["pause_collection"] = pause and {
            "behavior": pause.get("behavior"),
            "resumes_at": whole_number(pause, "resumes_at"),
        }
    if form.get("trial_end") == "now" and subscription["status"] == "trialing":
        changes |= {"trial_end": state.now(), "status": "active"}
    if "metadata" in form:
        changes["metadata"] = merged_metadata(subscription["metadata"], form["metadata"])
    if "description" in form:
        changes["description"] = form["description"] or None
    return changes


endpoint_routes(ROUTES)
money_routes(ROUTES)
thin_routes(ROUTES)
account_routes(ROUTES)

VENDOR = Vendor(
    name="stripe",
    base="",
    description=description_of,
    routes=ROUTES,
    new_state=StripeState,
    authorize=authorize,
    no_such_route=lambda call: errors.unknown_url(call.method, call.path),
    around=once,
    webhooks=WEBHOOKS,
)
