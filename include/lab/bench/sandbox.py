"""The sandbox as the bench uses it: members, the events that vendors make of their acts, what came of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from include.lab.bench.errors import BenchError
from include.lab.bench.quantiles import DIGITS
from include.lab.bench.webhooks import Webhook
from include.vendors.mailchimp.client import MAX_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from include.lab.stack.stack import Stack

NEXT_TIER = {"community": "pro", "pro": "leader", "leader": "community"}
PAGE = 100  # Stripe's most
MOST_CALLS = 50_000  # the sandbox remembers no more
UPDATED = "customer.subscription.updated"
COMPLETED = "checkout.session.completed"


KINDS = {
    r"POST .*/lists/[^/]+": "Mailchimp: hundreds of contacts",
    r"(GET|POST) .*/segments": "Mailchimp: which tags there are",
    r"POST .*/segments/\d+": "Mailchimp: a tag of hundreds",
    r".*/members/[^/]+": "Mailchimp: one contact",
    r"POST .*/members/[^/]+/tags": "Mailchimp: the tags of one",
    r"POST .*/(journeys|automations)/.*": "Mailchimp: a welcome",
}
"""What each call to Mailchimp is for, by its method and path."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchMember:
    """Somebody the vendors know."""

    email: str
    first_name: str
    last_name: str
    tier: str
    clerk_user_id: str
    stripe_customer_id: str
    stripe_subscription_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchContact:
    """What Mailchimp knows of an address."""

    status: str | None
    tier: str | None
    welcomes: int


class BenchSandbox:
    """A client of the sandbox; raises BenchError where the sandbox refuses."""

    def __init__(self, stack: Stack) -> None:
        """Speak to the sandbox of `stack`."""
        self._http = httpx.Client(base_url=stack.sandbox_url, timeout=60)
        self._mailchimp_seconds = 0.0
        self._stripe = {"authorization": f"Bearer {stack.stripe_api_key}"}

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def seed(self, count: int, prefix: str) -> list[BenchMember]:
        """Make members with a subscription, whom Mailchimp has as a sync leaves them; no webhook tells of them."""
        wish = {"members": count, "prefix": prefix, "in_mailchimp": True, "is_tagged": True}
        return [BenchMember(**one) for one in self._post("/_sandbox/seed", json=wish)["members"]]

    def change_tier(self, member: BenchMember) -> str:
        """Let a member change to the next tier, and return it."""
        tier = NEXT_TIER[member.tier]
        url = f"/stripe/v1/subscriptions/{member.stripe_subscription_id}"
        item_id = self._get(url, headers=self._stripe)["items"]["data"][0]["id"]
        change = {"items[0][id]": item_id, "items[0][price]": f"price_{tier}_month"}
        self._post(url, data=change, headers=self._stripe)
        return tier

    def cancel_at(self, member: BenchMember, at: datetime) -> None:
        """Let a member cancel for that moment."""
        self._post(
            f"/stripe/v1/subscriptions/{member.stripe_subscription_id}",
            data={"cancel_at": str(round(at.timestamp()))},
            headers=self._stripe,
        )

    def join(self, email: str, tier: str) -> str:
        """Let somebody sign up and pay, and return the checkout session."""
        story = {
            "story": "new_member",
            "email": email,
            "first_name": "Hedy",
            "last_name": "Lamarr",
            "tier": tier,
        }
        return str(self._post("/_sandbox/act", json=story)["checkout_session_id"])

    def events_about(self, kind: str, objects: Collection[str]) -> dict[str, Webhook]:
        """Return the newest event of a type about each of these objects, by the object's id."""
        found: dict[str, Webhook] = {}
        for event in self._events(kind):
            about = event["data"]["object"]["id"]
            if about in objects and about not in found:
                body = json.dumps(event).encode()
                found[about] = Webhook(provider="stripe", event_id=event["id"], body=body)
            if len(found) == len(objects):
                return found
        raise BenchError(f"the sandbox made {len(found)} of {len(objects)} events {kind}")

    def _events(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield all events of a type, newest first."""
        query: dict[str, Any] = {"type": kind, "limit": PAGE}
        while True:
            page = self._get("/stripe/v1/events", params=query, headers=self._stripe)
            yield from page["data"]
            if not page["has_more"]:
                return
            query["starting_after"] = page["data"][-1]["id"]

    def outcome(self, email: str) -> BenchContact:
        """Return what Mailchimp knows of an address now."""
        state = self._get("/_sandbox/state/mailchimp", params={"email": email})
        contact: dict[str, Any] = next(iter(state["members"]), {})
        return BenchContact(
            status=contact.get("status"),
            tier=contact.get("merge_fields", {}).get("TIER"),
            welcomes=len(state["triggers"]) + len(state["queue"]),
        )

    def tags(self, email: str) -> set[str]:
        """Return the tags that Mailchimp has for an address now."""
        state = self._get("/_sandbox/state/mailchimp", params={"email": email})
        return {tag["name"] for contact in state["members"] for tag in contact["tags"]}

    @contextmanager
    def slow(self, vendor: str, seconds: float) -> Iterator[None]:
        """Let a vendor take so long for each call within the block."""
        self._patch("/_sandbox/settings", {"service_seconds": {vendor: seconds}})
        self._mailchimp_seconds = seconds if vendor == "mailchimp" else 0.0
        try:
            yield
        finally:
            self._mailchimp_seconds = 0.0
            self._patch("/_sandbox/settings", {"service_seconds": {}})

    def forget_calls(self) -> None:
        """Forget the calls and the highest number at once."""
        self._http.delete("/_sandbox/calls").raise_for_status()

    def mailchimp_seconds(self) -> dict[str, float]:
        """Return what each kind of call since `forget_calls` takes all connections; nothing while it is not slow."""
        if not self._mailchimp_seconds:
            return {}
        share = self._mailchimp_seconds / MAX_CONNECTIONS
        calls = self._get("/_sandbox/calls", params={"vendor": "mailchimp", "limit": MOST_CALLS})
        kinds = Counter(_kind_of(f"{one['method']} {one['path']}") for one in calls["calls"])
        return {kind: round(count * share, DIGITS) for kind, count in kinds.items()}

    def highest_at_once(self) -> int:
        """Return how many calls Mailchimp had in service at once since `forget_calls`."""
        calls = self._get("/_sandbox/calls", params={"limit": 0})
        return int(calls["highest_at_once"].get("mailchimp", 0))

    def violations(self) -> int:
        """Count the calls and answers that did not fit a vendor's description."""
        return int(self._get("/_sandbox/violations")["count"])

    def _post(self, path: str, **options: Any) -> Any:
        return self._answer(self._http.post(path, **options))

    def _patch(self, path: str, wish: dict[str, Any]) -> None:
        self._answer(self._http.patch(path, json=wish))

    def _get(self, path: str, **options: Any) -> Any:
        return self._answer(self._http.get(path, **options))

    def _answer(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            raise BenchError(
                f"the sandbox answers {answer.status_code} on {answer.request.url.path}"
            )
        return answer.json()


def _kind_of(call: str) -> str:
    return next((kind for form, kind in KINDS.items() if re.fullmatch(form, call)), call)
