"""Accounts v2: the same people as accounts, which pay where customers did (docs.stripe.com/connect/accounts-v2).

A customer `cus_1` is the account `acct_1`. Nobody's description here has them: a test holds them to Stripe's package.
"""

from typing import TYPE_CHECKING, Any

from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.thin import OBJECT, iso
from include.lab.sandbox.wire import Answer, Call, Routes, json_answer

if TYPE_CHECKING:
    from include.lab.sandbox.stripe.state import StripeState

CUSTOMER, ACCOUNT = "cus_", "acct_"
TYPES = {
    "customer.updated": "v2.core.account.updated",
    "customer.deleted": "v2.core.account.closed",
}


def account_id_of(customer_id: str) -> str:
    """Return what an account is called."""
    return customer_id.replace(CUSTOMER, ACCOUNT, 1)


def customer_id_of(account_id: str) -> str:
    """Return the customer that an account is here."""
    return account_id.replace(ACCOUNT, CUSTOMER, 1)


def paid_by_accounts(value: Any) -> Any:
    """Return a document in which accounts pay."""
    if isinstance(value, list):
        return [paid_by_accounts(item) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {name: paid_by_accounts(item) for name, item in value.items()}
    owner = value.get("customer")
    if isinstance(owner, str) and "customer_account" in value:
        shown |= {"customer": None, "customer_account": account_id_of(owner)}
    return shown


def event(kind: str, customer: Object, now: int, event_id: str, *, livemode: bool) -> Object:
    """Return the event about an account that stands where one about a customer did."""
    account_id = account_id_of(customer["id"])
    url = f"/v2/core/accounts/{account_id}"
    return {
        "id": event_id,
        "object": OBJECT,
        "type": TYPES.get(kind, "v2.core.account.created"),
        "created": iso(now),
        "livemode": livemode,
        "context": None,
        "reason": None,
        "related_object": {"id": account_id, "type": "v2.core.account", "url": url},
    }


def account_routes(routes: Routes) -> None:
    """Register them."""

    @routes.on("GET", "/v2/core/accounts/{account_id}")
    def get_account(state: "StripeState", _call: Call, account_id: str) -> Answer:
        customer_id = customer_id_of(account_id)
        is_closed = customer_id in state.deleted_customers
        found = {} if is_closed else state.get("customer", customer_id)
        return json_answer(
            {
                "id": account_id,
                "object": "v2.core.account",
                "applied_configurations": ["customer"],
                "closed": is_closed,
                "contact_email": found.get("email"),
                "created": iso(found.get("created", state.now())),
                "display_name": found.get("name"),
                "livemode": state.livemode,
                "metadata": found.get("metadata", {}),
            }
        )
