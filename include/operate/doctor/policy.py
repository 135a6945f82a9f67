"""The membership policy: can it be used, and does it fit Stripe's price list. Only calls that read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.check_results import DoctorCheck, failed, ok, warning
from include.errors import VendorNotFoundError
from include.membership.policy import PolicyError, load
from include.operate.doctor.check_context import collaborators

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from include.check_results import CheckContext, CheckResult
    from include.membership.policy import Policy
    from include.vendors.stripe.client import Price, Stripe

GROUP: Final = "vendors"
NAME: Final = "membership policy"
MAX_UNNAMED: Final = 20  # prices that are looked at one by one
ADVICE: Final = "put the ids of your own Stripe account into include/membership.yaml"


def checks(context: CheckContext) -> list[DoctorCheck]:
    """Return the check."""
    return [DoctorCheck(group=GROUP, name=NAME, look=lambda: _look(context), advice=ADVICE)]


def _look(context: CheckContext) -> Iterable[CheckResult]:
    with collaborators(context) as rt:
        yield from look(rt.vendors.stripe)


def look(stripe: Stripe, file: Path | None = None) -> Iterator[CheckResult]:
    """Say whether the policy can be used, whether what it names is there, and what it does not name."""
    try:
        policy = load(file) if file else load()
    except PolicyError as error:
        yield failed(NAME, str(error), "mend it where it says")
        return
    yield ok(NAME, f"can be used: tiers {', '.join(policy.tiers) or 'as prices say'}")
    prices = list(stripe.list_prices())
    yield from _missing(policy, prices, stripe)
    yield from _unnamed(policy, prices, stripe)


def _missing(policy: Policy, prices: list[Price], stripe: Stripe) -> Iterator[CheckResult]:
    """Say what the policy names and Stripe does not have; what is not in the list any more may still be read."""
    there: dict[str, set[str | None]] = {
        "products": {price.product_id for price in prices},
        "prices": {price.id for price in prices},
        "lookup_keys": {price.lookup_key for price in prices},
    }
    for plan in policy.plans:
        for kind, _, name in plan.names():
            if name not in there[kind] and not _exists(kind, name, stripe):
                words = f"{plan.tier}: Stripe has no {kind.replace('_', ' ')[:-1]} {name}"
                yield failed(f"{NAME}: {name}", words, ADVICE)


def _exists(kind: str, name: str, stripe: Stripe) -> bool:
    if kind == "lookup_keys":
        return False
    try:
        stripe.read_product(name) if kind == "products" else stripe.read_price(name)
    except VendorNotFoundError:
        return False
    return True


def _unnamed(policy: Policy, prices: list[Price], stripe: Stripe) -> Iterator[CheckResult]:
    """Say which prices that recur no plan names, and how many living subscriptions each has."""
    named = {name for plan in policy.plans for _, _, name in plan.names()}
    unnamed = [p for p in prices if not {p.id, p.product_id, p.lookup_key} & named]
    for price in unnamed[:MAX_UNNAMED]:
        count = stripe.count_subscriptions(price.id)
        if count:
            are = "are ignored" if policy.other_subscriptions == "ignore" else "make members"
            yield warning(
                f"{NAME}: {price.id}",
                f"no plan names it, and {count} living subscriptions have it: they {are}",
                "name it in a plan, if it is a membership",
            )
    if len(unnamed) > MAX_UNNAMED:
        yield warning(NAME, f"{len(unnamed) - MAX_UNNAMED} more prices are on no plan", ADVICE)
