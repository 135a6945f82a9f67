"""What most of Stripe's operations share: reading parameters, showing objects, pages, searches."""

from collections.abc import Sequence

from include.lab.sandbox.stripe import objects, shapes
from include.lab.sandbox.stripe.accounts import customer_id_of
from include.lab.sandbox.stripe.form import Form, parse, refuse_unknown, whole_number
from include.lab.sandbox.stripe.lists import created_fits, expanded, found_by, page
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.vendor import Switches
from include.lab.sandbox.wire import Answer, Call, json_answer


def form_of(call: Call, allowed: Sequence[str]) -> Form:
    """Return the parameters of a request; refuse those that the operation does not have."""
    text = call.body.decode() if call.method == "POST" else call.query_string
    form = parse(text)
    refuse_unknown(form, allowed)
    return form


def expansions(call: Call) -> list[str]:
    """Return the paths of `expand`, from the query or the body."""
    form = parse(call.query_string or call.body.decode())
    paths = form.get("expand") or []
    return paths if isinstance(paths, list) else [paths]


def shape_of(call: Call) -> str | None:
    """Return the API version a request names, where it is one of the two that are known."""
    version = call.headers.get("stripe-version")
    return version if version in (shapes.NEW, shapes.OLD) else None


def description_of(call: Call, switches: Switches) -> str | None:
    """Return the file that describes this call: the version it names, or the account's; nobody describes v2."""
    if call.path.startswith("/v2/"):
        return None
    return shapes.DESCRIPTIONS.get(shape_of(call) or switches.stripe_shape)


def shown(state: StripeState, call: Call, document: Object) -> Answer:
    """Return one object as the caller wants to see it."""
    return json_answer(state.rendered(expanded(state, document, expansions(call)), shape_of(call)))


def listed(state: StripeState, call: Call, documents: Sequence[Object], form: Form) -> Answer:
    """Return the asked page of objects as the caller wants to see it."""
    fitting = [d for d in documents if "created" not in d or created_fits(d["created"], form)]
    items, more = page(fitting, form, lambda item: str(item["id"]))
    document = expanded(state, objects.listing(call.path, items, has_more=more), expansions(call))
    return json_answer(state.rendered(document, shape_of(call)))


def searched(state: StripeState, call: Call, kind: str) -> Answer:
    """Return the first objects that fit a search query."""
    form = form_of(call, ("query", "limit", "page"))
    found = found_by(form.get("query") or "", state.newest_first(kind))
    limit = whole_number(form, "limit") or 10
    data = [state.rendered(d, shape_of(call)) for d in found[:limit]]
    result = {**objects.listing(call.path, data, has_more=len(found) > limit)}
    return json_answer({**result, "object": "search_result", "next_page": None})


def owned(state: StripeState, kind: str, form: Form) -> list[Object]:
    """Return objects newest first: of one customer where the form names one."""
    if "customer_account" in form:
        return state.of_customer(kind, customer_id_of(form["customer_account"]))[::-1]
    if "customer" in form:
        return state.of_customer(kind, form["customer"])[::-1]
    return state.newest_first(kind)
