"""What one subscription is worth, by Stripe's final state and the policy file alone: the rules about money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

ACTIVE, PAST_DUE, PAUSED, ENDED, NONE = "active", "past_due", "paused", "ended", "none"
UNITS = {"d": 86_400, "h": 3600}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the vendors have, and which customers were whose before."""

    now: int
    stripe: dict[str, list[Object]]
    clerk: list[Object]
    deleted_accounts: frozenset[str]
    links: dict[str, str]  # customer → account
    tiers: dict[
        str, str
    ]  # of memberships whose price had its lookup key when they were looked at last
    apart: frozenset[str]  # customers of another name, under the address of somebody who paid, too


@dataclass(frozen=True, kw_only=True)
class Membership:
    """What one subscription is worth."""

    subscription: str
    standing: str
    tier: str
    rank: int  # of its plan, the highest is 0
    is_canceling: bool
    ends_at: int | None  # when what she has now ends, if that is known
    lasts_until: int
    began: int


def membership(facts: Facts, policy: Object, subscription: Object) -> Membership | None:
    """Return what a subscription is worth; None where it is no membership, or nothing was ever paid."""
    tier = _tier(facts, policy, subscription)
    if tier is None or not _was_paid(facts, subscription):
        return None
    standing, ends_at = _standing(facts, policy, subscription)
    items = subscription["items"]["data"]
    period_end = max(item["current_period_end"] for item in items)
    is_kept = subscription["status"] == "canceled" and standing == ACTIVE
    asked = subscription["cancel_at"] is not None and (
        subscription["canceled_at"] != subscription["start_date"]
    )
    return Membership(
        subscription=subscription["id"],
        standing=standing,
        tier=tier,
        rank=[plan["tier"] for plan in policy["plans"]].index(tier),
        is_canceling=standing in (ACTIVE, PAST_DUE, PAUSED) and (asked or is_kept),
        ends_at=ends_at,
        lasts_until=period_end,
        began=subscription["start_date"],
    )


def charged(facts: Facts, policy: Object, customers: list[str]) -> set[str] | None:
    """Return the memberships of customers that Stripe goes on charging for; None where the rules do not say.

    Left open is what is owed, and what was agreed to end.
    """
    living = [
        s
        for s in facts.stripe["subscription"]
        if s["customer"] in customers
        and s["status"] not in ("canceled", "incomplete_expired", "paused")
        and s["pause_collection"] is None
        and membership(facts, policy, s) is not None
    ]
    if any(s["status"] not in ("active", "trialing") for s in living):
        return None
    if any(s["cancel_at"] and s["canceled_at"] == s["start_date"] for s in living):
        return None
    return {s["id"] for s in living if s["cancel_at"] is None}


def disputed(facts: Facts, policy: Object) -> set[str]:
    """Return the charges for memberships that a bank has yet to decide about."""
    open_ones = {
        d["charge"]
        for d in facts.stripe.get("dispute", [])
        if d["status"] not in ("won", "lost", "warning_closed", "prevented")
    }
    mine = {
        _charge(facts, invoice)["id"]
        for s in facts.stripe["subscription"]
        if membership(facts, policy, s) is not None
        for invoice in _invoices(facts, s)
        if _charge(facts, invoice) is not None
    }
    return open_ones & mine


def _standing(facts: Facts, policy: Object, subscription: Object) -> tuple[str, int | None]:
    status, now = subscription["status"], facts.now
    money_back = _money_back_at(facts, policy, subscription)
    ends_at = subscription["cancel_at"]
    if status == "canceled":
        return _ended(facts, subscription, money_back)
    if status == "unpaid":
        return ENDED, None
    if ends_at is not None and money_back is not None and status != "past_due":
        return (
            ENDED,
            money_back,
        )  # also where it rests: what was paid back and is to end does not come back
    if status == "paused" or subscription["pause_collection"] is not None:
        return PAUSED, ends_at
    if status == "past_due":
        grace = _failed_since(facts, subscription) + _seconds(policy["access"]["past_due"]["for"])
        return (PAST_DUE, min(grace, ends_at or grace)) if now < grace else (ENDED, grace)
    return ACTIVE, ends_at


def _ended(facts: Facts, subscription: Object, money_back: int | None) -> tuple[str, int]:
    """Who has paid keeps her membership until the paid period is over, unless money was given back for it."""
    items = subscription["items"]["data"]
    period_end = max(item["current_period_end"] for item in items)
    paid_until = min(filter(None, (subscription["cancel_at"], period_end)))
    reason = subscription["cancellation_details"]["reason"]
    is_unpaid = reason == "payment_failed" or not _is_paid_for(facts, subscription)
    was_paid_back = money_back is not None or _some_money_back(facts, subscription)
    rested = subscription["pause_collection"] is not None
    if is_unpaid or rested or was_paid_back or paid_until <= facts.now:
        return ENDED, subscription["ended_at"]
    return ACTIVE, paid_until


def _tier(facts: Facts, policy: Object, subscription: Object) -> str | None:
    """Return the tier of the first plan, by rank, that any item is on; a lookup key that went leaves it as it was."""
    for plan in policy["plans"]:
        for item in subscription["items"]["data"]:
            price = item["price"]
            if (
                price["id"] in plan.get("prices", ())
                or price["product"] in plan.get("products", ())
                or price["lookup_key"] in plan.get("lookup_keys", ())
            ):
                return str(plan["tier"])
    return facts.tiers.get(subscription["id"])


def _was_paid(facts: Facts, subscription: Object) -> bool:
    """Was it ever paid for or on trial."""
    return subscription["trial_start"] is not None or any(
        invoice["status"] == "paid" for invoice in _invoices(facts, subscription)
    )


def is_paid_to_be(facts: Facts, policy: Object, customer_id: str, *, was_hers: bool) -> bool:
    """Tell whether an address makes a customer somebody's: by what was paid; after a deleted account, what goes on."""
    return any(
        _tier(facts, policy, s) is not None
        and _was_paid(facts, s)
        and not (was_hers and s["status"] == "canceled")
        for s in facts.stripe["subscription"]
        if s["customer"] == customer_id
    )


def _is_paid_for(facts: Facts, subscription: Object) -> bool:
    """Is nothing owed: what a pause has made void asks for no money."""
    invoices = [i for i in _invoices(facts, subscription) if i["status"] not in ("void", "draft")]
    return bool(invoices) and invoices[-1]["status"] == "paid"


def _failed_since(facts: Facts, subscription: Object) -> int:
    """Return when the first payment of those that are open now failed."""
    since = 0
    for invoice in reversed(_invoices(facts, subscription)):
        if invoice["status"] == "paid":
            break
        if invoice["status"] == "open" and invoice["attempted"]:
            since = invoice["status_transitions"]["finalized_at"]
    return since


def _money_back_at(facts: Facts, policy: Object, subscription: Object) -> int | None:
    """Return when all money of the running period was given back: by a refund, or a dispute that was lost."""
    item = subscription["items"]["data"][0]
    for invoice in _invoices(facts, subscription):
        pays_for_it = any(
            line["period"]["end"] >= item["current_period_end"] for line in _base_lines(invoice)
        )
        if pays_for_it and (at := _returned_at(facts, policy, invoice)) is not None:
            return at
    return None


def _base_lines(invoice: Object) -> list[Object]:
    """Return the lines that pay for a period: an upgrade's difference is an item of its own."""
    return [
        line
        for line in invoice["lines"]["data"]
        if line["parent"]["subscription_item_details"] is not None and line["amount"] > 0
    ]


def _returned_at(facts: Facts, policy: Object, invoice: Object) -> int | None:
    charge = _charge(facts, invoice)
    if charge is None:
        return None
    if charge["refunded"] and policy["refunds"]["full"] == "end":
        return max(r["created"] for r in _refunds(facts, charge))
    for dispute in facts.stripe.get("dispute", []):
        if dispute["charge"] == charge["id"] and dispute["status"] == "lost":
            return int(dispute["created"]) if policy["disputes"]["lost"] == "end" else None
    return None


def _some_money_back(facts: Facts, subscription: Object) -> bool:
    """Was the rest of a period paid back when the subscription was ended at once: by one act, in whatever order."""
    invoices = [one for one in _invoices(facts, subscription) if _base_lines(one)]
    charges = [_charge(facts, invoice) for invoice in invoices]
    since = subscription["ended_at"] - UNITS["h"]
    return any(refund["created"] >= since for c in charges if c for refund in _refunds(facts, c))


def was_money_sent_back(facts: Facts, membership: Membership) -> bool:
    """Was any of what was paid for it sent back, also where it came back to us."""
    subscription = {"id": membership.subscription}
    charges = {c["id"] for i in _invoices(facts, subscription) if (c := _charge(facts, i))}
    return any(refund["charge"] in charges for refund in facts.stripe.get("refund", []))


def _refunds(facts: Facts, charge: Object) -> list[Object]:
    return [
        r
        for r in facts.stripe.get("refund", [])
        if r["charge"] == charge["id"] and r["status"] == "succeeded"
    ]


def _charge(facts: Facts, invoice: Object) -> Object | None:
    wanted = f"ch_{invoice['id'].partition('_')[2]}"
    return next((c for c in facts.stripe.get("charge", []) if c["id"] == wanted), None)


def _invoices(facts: Facts, subscription: Object) -> list[Object]:
    return [
        i
        for i in facts.stripe.get("invoice", [])
        if i["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]


def _seconds(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]
