"""Stripe's webhook endpoints: where events are sent, as a program sets it up."""

from secrets import token_urlsafe
from urllib.parse import urlsplit

from include.lab.sandbox.stripe import errors, objects
from include.lab.sandbox.stripe.answers import form_of
from include.lab.sandbox.stripe.form import truth
from include.lab.sandbox.stripe.lists import page
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.wire import Answer, Call, Routes, json_answer

PAGING = ("limit", "starting_after", "ending_before", "created")


def endpoint_routes(routes: Routes) -> None:
    """Register them."""
    routes.on("GET", "/v1/webhook_endpoints")(list_webhook_endpoints)
    routes.on("POST", "/v1/webhook_endpoints")(create_webhook_endpoint)
    routes.on("POST", "/v1/webhook_endpoints/{endpoint}")(update_webhook_endpoint)
    routes.on("DELETE", "/v1/webhook_endpoints/{endpoint}")(delete_webhook_endpoint)


def list_webhook_endpoints(state: StripeState, call: Call) -> Answer:
    """List where events are sent; the secrets are shown only once, when one is made."""
    form = form_of(call, PAGING)
    is_thin_only = state.around.switches.stripe_payload == "thin"
    all_of_them = [] if is_thin_only else state.newest_first("webhook_endpoint")
    found, more = page(all_of_them, form, lambda one: str(one["id"]))
    return json_answer(objects.listing("/v1/webhook_endpoints", found, has_more=more))


def create_webhook_endpoint(state: StripeState, call: Call) -> Answer:
    """Make an endpoint. Its secret is in this answer and in no other."""
    form = form_of(call, ("url", "enabled_events", "api_version", "description", "metadata"))
    url, events = form.get("url"), form.get("enabled_events")
    if not url:
        raise errors.missing("url")
    if not isinstance(events, list) or not events:
        raise errors.missing("enabled_events")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise errors.invalid("url", "Not a valid URL", "url_invalid")
    made = objects.webhook_endpoint(
        url,
        state.now(),
        events=events,
        api_version=form.get("api_version"),
        description=form.get("description"),
    )
    state.add(made)
    return json_answer({**made, "secret": f"whsec_{token_urlsafe(24)}"})


def update_webhook_endpoint(state: StripeState, call: Call, endpoint: str) -> Answer:
    """Change an endpoint: which types it gets, or whether it is on."""
    form = form_of(call, ("disabled", "enabled_events", "url", "description", "metadata"))
    found = state.get("webhook_endpoint", endpoint)
    if "disabled" in form:
        found["status"] = "disabled" if truth(form, "disabled") else "enabled"
    found.update({name: form[name] for name in ("enabled_events", "url") if name in form})
    state.endpoints_changed[endpoint] = state.now()
    return json_answer(found)


def delete_webhook_endpoint(state: StripeState, _call: Call, endpoint: str) -> Answer:
    """Delete an endpoint."""
    state.get("webhook_endpoint", endpoint)
    del state.kinds["webhook_endpoint"][endpoint]
    return json_answer({"id": endpoint, "object": "webhook_endpoint", "deleted": True})
