"""The ways in which webhooks do not come, and how each ends."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from include.jobs.reconciliation.silence import SilenceCause
from include.routing import STARTING_TYPES

REVOKED = {"error": {"type": "invalid_request_error", "message": "Expired API Key provided"}}
UNKNOWN_KEY = {
    "errors": [
        {"code": "clerk_key_invalid", "message": "The provided Clerk Secret Key is invalid."}
    ]
}
BAD = "whsec_" + "x" * 24
FIRED = ["webhooks_silent fired"]
RESOLVED = [*FIRED, "webhooks_silent resolved"]


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to go quiet, and how it is mended."""

    name: str
    provider: str = "stripe"
    cause: SilenceCause
    quiet: Any  # what happens to the post
    mend: Any
    words: str  # of what is told
    to_do: str
    is_missing: bool = True
    before: Any = lambda _post: None


def enabled(post, types):
    """Have Stripe's endpoint get these types."""
    post.endpoint("POST", **{f"enabled_events[{n}]": kind for n, kind in enumerate(types)})


def make_endpoint(post):
    """Make an endpoint that leads to the proxy."""
    url = f"{post.world.sandbox.url}/stripe/v1/webhook_endpoints"
    form = {"url": f"{post.proxy.url}/webhooks/stripe", "enabled_events[0]": "*"}
    requests.post(url, data=form, headers={"Authorization": "Bearer sk_test_x"}, timeout=20)


def go_live(post):
    """Have a live account, and the key of it."""
    post.switch(stripe_livemode=True)
    post.use_key("sk_live_x")


def expect_thin(post):
    """Have thin events come, and expect them."""
    post.switch(stripe_payload="thin")
    post.settings = post.settings.model_copy(update={"stripe_payload": "thin"})


def answer(status, **headers):
    """Have the proxy answer itself."""
    return lambda post: setattr(post.proxy, "answers", (status, headers))


def hand_on(post):
    """Have the proxy hand requests on."""
    post.proxy.answers = None


def relays(*settings):
    """Run relays of these settings."""
    return lambda post: post.start_relays(*settings)


def clocks_off(post):
    """Have the relays' machine ten minutes behind."""
    post.start_relays({}, {}, clock=Behind(post.world.clock, timedelta(minutes=10)))


@dataclass
class Behind:
    """A clock that is off."""

    clock: Any
    by: timedelta

    def now(self):
        """Return the moment that it shows."""
        return self.clock.now() - self.by


def subscribe_in_test_mode(post):
    """Lose the live endpoint; somebody tries out in test mode, whose endpoint leads here too."""
    post.endpoint("DELETE")
    post.world.sandbox.act("subscribe", prices=["price_pro_month"], in_test_mode=True)


WAYS = [
    Way(
        name="endpoint disabled",
        cause=SilenceCause.ENDPOINT_DISABLED,
        quiet=lambda post: post.endpoint("POST", disabled="true"),
        mend=lambda post: post.endpoint("POST", disabled="false"),
        words="endpoint is disabled",
        to_do="enable it",
    ),
    Way(
        name="endpoint deleted",
        cause=SilenceCause.ENDPOINT_DELETED,
        quiet=lambda post: post.endpoint("DELETE"),
        mend=make_endpoint,
        words="has no endpoint any more",
        to_do="/webhooks/stripe",
    ),
    Way(
        name="wrong types",
        cause=SilenceCause.TYPES_MISSING,
        quiet=lambda post: enabled(post, ["invoice.paid", "payout.paid"]),
        mend=lambda post: enabled(post, sorted(STARTING_TYPES["stripe"])),
        words="does not send charge.dispute.closed",
        to_do="add these events",
    ),
    Way(
        name="thin where snapshots are expected",
        cause=SilenceCause.OTHER_PAYLOAD,
        quiet=lambda post: post.switch(stripe_payload="thin"),
        mend=lambda post: post.switch(stripe_payload="snapshot"),
        words="sends thin events where snapshot events are expected",
        to_do="nothing is lost",
        is_missing=False,
    ),
    Way(
        name="snapshots where thin events are expected",
        cause=SilenceCause.OTHER_PAYLOAD,
        before=expect_thin,
        quiet=lambda post: post.switch(stripe_payload="snapshot"),
        mend=lambda post: post.switch(stripe_payload="thin"),
        words="sends snapshot events where thin events are expected",
        to_do="nothing is lost",
        is_missing=False,
    ),
    Way(
        name="wrong secret",
        cause=SilenceCause.WRONG_SECRET,
        quiet=relays({"stripe_webhook_secrets": BAD}, {"stripe_webhook_secrets": BAD}),
        mend=relays({}, {}),
        words="the relay has another secret than Stripe signs with",
        to_do="OPS_STRIPE_WEBHOOK_SECRETS",
    ),
    Way(
        name="secret missing at one of two relays",
        cause=SilenceCause.SECRET_MISSING,
        quiet=relays({"stripe_webhook_secrets": ""}, {}),
        mend=relays({}, {}),
        words="one of the relays has no secret",
        to_do="OPS_STRIPE_WEBHOOK_SECRETS",
    ),
    Way(
        name="proxy answers 404",
        cause=SilenceCause.NOT_FOUND,
        quiet=answer(404),
        mend=hand_on,
        words="answers 404",
        to_do="hand /webhooks/ on",
    ),
    Way(
        name="proxy redirects",
        cause=SilenceCause.REDIRECTED,
        quiet=answer(301, Location="https://www.example.org/webhooks/stripe"),
        mend=hand_on,
        words="redirects (301)",
        to_do="https://www.example.org/webhooks/stripe",
    ),
    Way(
        name="clock off by ten minutes",
        cause=SilenceCause.CLOCK_OFF,
        quiet=clocks_off,
        mend=relays({}, {}),
        words="their time is outside the tolerance",
        to_do="NTP",
    ),
    Way(
        name="test mode beside live",
        cause=SilenceCause.OTHER_MODE,
        before=go_live,
        quiet=subscribe_in_test_mode,
        mend=make_endpoint,
        words="events of the other mode",
        to_do="in the mode of the key",
    ),
    Way(
        name="Clerk's endpoint off",
        provider="clerk",
        cause=SilenceCause.NOT_SENT,
        quiet=lambda post: post.switch(clerk_sends=False),
        mend=lambda post: post.switch(clerk_sends=True),
        words="Clerk has changes of which no webhook came",
        to_do="see at Clerk's dashboard",
    ),
    Way(
        name="Clerk's API key revoked",
        provider="clerk",
        cause=SilenceCause.KEY_REFUSED,
        quiet=lambda post: post.world.sandbox.fault(
            "clerk", "status", status=401, body=UNKNOWN_KEY
        ),
        mend=lambda post: post.world.sandbox.ask("DELETE", "faults"),
        words="Clerk refuses our API key",
        to_do="connection `clerk`",
        is_missing=False,
    ),
    Way(
        name="API key revoked",
        cause=SilenceCause.KEY_REFUSED,
        quiet=lambda post: post.world.sandbox.fault("stripe", "status", status=401, body=REVOKED),
        mend=lambda post: post.world.sandbox.ask("DELETE", "faults"),
        words="refuses our API key",
        to_do="ops} rotate",
        is_missing=False,
    ),
]
