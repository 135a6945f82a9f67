"""The price list: products and prices, and lookup keys that move from one price to another."""

from include.lab.sandbox.stripe import errors, objects
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState, changed


def list_product(state: StripeState, product_id: str, metadata: dict[str, str]) -> Object:
    """Return a product; list and tell a new one where there is none of that id."""
    if known := state.kinds["product"].get(product_id):
        return known
    name = product_id.removeprefix("prod_").replace("_", " ").capitalize()
    product = objects.product(product_id, name, "", metadata, state.now())
    product["default_price"] = None
    state.tell("product.created", state.add(product))
    return product


def list_price(
    state: StripeState, price_id: str, product: Object, cents: int, **more: object
) -> Object:
    """List a new price of a product and tell it; a lookup key it names is taken from whoever has it."""
    if price_id in state.kinds["price"]:
        raise errors.not_now("Price already exists")
    if (key := more.get("lookup_key")) is not None:
        _free_key(state, str(key))
    price = objects.price(price_id, product["id"], cents, state.now(), **more)
    state.tell("price.created", state.add(price))
    return price


def _free_key(state: StripeState, key: str) -> None:
    """Take a lookup key away, as `transfer_lookup_key` does. Subscriptions show their price as it is now."""
    for price in state.kinds["price"].values():
        if price["lookup_key"] == key:
            before = changed(price, {"lookup_key": None})
            state.tell("price.updated", price, before)
