"""The vendors of a simulated community: the sandbox in this process, acted on without a request in between."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import TypeAdapter

from include.lab.sandbox.clerk.state import ClerkState
from include.lab.sandbox.control.wishes import FaultWish
from include.lab.sandbox.control.world import pass_time
from include.lab.sandbox.luma.state import LumaState
from include.lab.sandbox.mailchimp.state import MailchimpState
from include.lab.sandbox.slack.state import SlackState
from include.lab.sandbox.stories import AnyStory, StoryError
from include.lab.sandbox.stripe import payments
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.wire import Refusal
from include.routing import route_of

if TYPE_CHECKING:
    from tests.simulate.wire import Wire

START = datetime(2027, 1, 10, 12, tzinfo=UTC)
STORY = TypeAdapter(AnyStory)
OTHER_BUSINESS = {
    "hosting": ("price_hosting", "prod_hosting", 900, "hosting"),
    "donation": ("price_donation", "prod_donation", 500, None),
    "coaching": ("price_coaching", "prod_coaching", 2500, None),
}
FIELDS = ("FNAME", "LNAME", "TIER", "JOINED")
SETTLED_SECONDS = 90  # to read and to join a minute later is one act
YEARLY = {"pro": 30_000, "leader": 60_000}


class Vendors:
    """What people do at Stripe, Clerk, Mailchimp, Luma and Slack, and what these have to tell."""

    def __init__(self, wire: Wire) -> None:
        """Start with nobody, at a fixed moment, with a price list that has more than memberships."""
        self.url, self.world = wire.url, wire.world
        world = wire.world
        world.reset()
        world.clock.now = (
            self.time
        )  # it stands still between acts, so that a story is the same each time
        world.switches.stripe_livemode = True
        world.switches.slack_limits = False
        world.switches.luma_calls_per_minute = 1_000_000
        for price, product, cents, key in OTHER_BUSINESS.values():
            metadata = {"tier": key} if key else {}
            self.play(
                "list_price",
                price=price,
                product=product,
                cents=cents,
                lookup_key=key,
                metadata=metadata,
            )
        for tier, cents in YEARLY.items():
            self.play(
                "list_price",
                price=f"price_{tier}_year",
                product=f"prod_{tier}",
                cents=cents,
                interval="year",
            )
        self._mark = len(world.outbox)
        self.read_since: dict[str, float] = {}  # who reads the newsletter by her own wish
        self.unsubscribed: set[str] = set()  # by themselves
        self.paused: set[str] = set()  # at some time
        self.accounts: Counter[str] = Counter()  # how many each has made
        self.left: Counter[str] = Counter()  # how often each has deleted hers

    def time(self) -> float:
        """Return the seconds since the epoch, as everybody here has them."""
        return START.timestamp() + self.world.clock.offset_seconds

    def now(self) -> datetime:
        """Return the present instant: this is the jobs' clock, too."""
        return datetime.fromtimestamp(self.time(), UTC)

    def play(self, story: str, **wish: Any) -> dict[str, Any] | None:
        """Let something happen; None where the vendor does not allow it now."""
        try:
            return STORY.validate_python({"story": story, **wish}).play(self.world)
        except (Refusal, StoryError):
            return None

    def pass_time(self, seconds: float) -> None:
        """Let time pass for all vendors."""
        pass_time(self.world, seconds)

    def told(self) -> list[Any]:
        """Return the events since the last call that start a job, oldest first."""
        new = self.world.outbox.since(self._mark)
        self._mark += len(new)
        return [event for event in new if route_of(event.vendor, event.type).job]

    def read_newsletter(self, who: str, email: str) -> None:
        """Somebody subscribes to the newsletter by herself, unless Mailchimp knows her already."""
        mailchimp = self.world.state(MailchimpState)
        if mailchimp.contacts.find(email) is None:
            mailchimp.contacts.add(email, "subscribed", mailchimp.now())
            self.read_since[who] = self.time()
            self.pass_time(SETTLED_SECONDS)

    def break_down(self, vendor: str, times: int, status: int) -> None:
        """Let a vendor refuse the next calls."""
        wish = FaultWish(vendor=vendor, kind="status", status=status, times=times)
        self.world.faults.order(**wish.model_dump())

    def mend(self) -> None:
        """Let all vendors work."""
        self.world.faults.clear()

    # --- what they have in the end ---

    @property
    def stripe(self) -> StripeState:
        """Stripe's live account."""
        return self.world.state(StripeState)

    @property
    def clerk(self) -> ClerkState:
        """Clerk's users."""
        return self.world.state(ClerkState)

    @property
    def slack(self) -> SlackState:
        """Slack's workspace."""
        return self.world.state(SlackState)

    @property
    def luma(self) -> LumaState:
        """Luma's calendar."""
        return self.world.state(LumaState)

    def objects(self) -> dict[str, list[dict[str, Any]]]:
        """Return Stripe's objects as they are now, by kind; a copy."""
        for invoice in list(self.stripe.kinds["invoice"].values()):
            if invoice["amount_paid"]:
                payments.charge_of(self.stripe, invoice)
        kinds = ("customer", "subscription", "invoice", "charge", "refund", "dispute")
        kept = {k: list(self.stripe.kinds[k].values()) for k in (*kinds, "checkout.session")}
        return orjson.loads(orjson.dumps(kept))

    def users(self) -> list[dict[str, Any]]:
        """Return Clerk's users as they are now; a copy."""
        return orjson.loads(orjson.dumps(list(self.clerk.users.values())))

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return Mailchimp's contacts by address: status, tags, merge fields; archived ones are none."""
        mailchimp = self.world.state(MailchimpState)
        return {
            member["email_address"].lower(): {
                "status": member["status"],
                "quirk": mailchimp.contacts.by_hash[member["id"]].quirk,
                "tags": {tag["name"] for tag in member["tags"]},
                **{name: member["merge_fields"][name] for name in FIELDS},
            }
            for member in mailchimp.dump(None)["members"]
            if member["status"] != "archived"
        }

    def welcomes(self) -> list[str]:
        """Return whom Mailchimp was told to welcome, in lower case."""
        triggers = self.world.state(MailchimpState).triggers
        return [entry["email_address"].lower() for entry in triggers]
