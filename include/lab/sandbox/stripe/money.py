"""Operations about charges, refunds and disputes, which are only read here."""

from include.lab.sandbox.stripe import payments
from include.lab.sandbox.stripe.answers import form_of, listed, owned, shown
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.wire import Answer, Call, Routes

PAGING = ("limit", "starting_after", "ending_before", "created")


def money_routes(routes: Routes) -> None:
    """Register them."""

    @routes.on("GET", "/v1/charges")
    def list_charges(state: StripeState, call: Call) -> Answer:
        form = form_of(call, (*PAGING, "customer", "payment_intent"))
        _make_charges(state)
        found = _fitting(owned(state, "charge", form), form, "payment_intent")
        return listed(state, call, found, form)

    @routes.on("GET", "/v1/charges/{charge}")
    def get_charge(state: StripeState, call: Call, charge: str) -> Answer:
        _make_charges(state)
        return shown(state, call, state.get("charge", charge))

    for kind in ("refund", "dispute"):
        _about_charges(routes, kind)


def _about_charges(routes: Routes, kind: str) -> None:
    """Register list and get of what is about a charge."""

    @routes.on("GET", f"/v1/{kind}s")
    def list_all(state: StripeState, call: Call) -> Answer:
        form = form_of(call, (*PAGING, "charge", "payment_intent"))
        found = _fitting(state.newest_first(kind), form, "charge", "payment_intent")
        return listed(state, call, found, form)

    @routes.on("GET", f"/v1/{kind}s/{{object_id}}")
    def get_one(state: StripeState, call: Call, object_id: str) -> Answer:
        return shown(state, call, state.get(kind, object_id))


def _fitting(documents: list[Object], form: Object, *names: str) -> list[Object]:
    wanted = {name: form[name] for name in names if name in form}
    return [d for d in documents if all(d[name] == value for name, value in wanted.items())]


def _make_charges(state: StripeState) -> None:
    """Make the charges that nobody has asked for yet."""
    for invoice in state.kinds["invoice"].values():
        if invoice["amount_paid"]:
            payments.charge_of(state, invoice)
