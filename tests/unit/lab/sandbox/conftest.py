"""The sandbox's world without a socket: calls go straight into the gateways."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from include.lab.sandbox.clerk.state import ClerkState
from include.lab.sandbox.gateway import Gateway
from include.lab.sandbox.luma.state import LumaState
from include.lab.sandbox.mailchimp.state import MailchimpState
from include.lab.sandbox.server import VENDORS
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.wire import Call
from include.lab.sandbox.world import World

KEYS = {
    "stripe": {"authorization": "Bearer sk_test"},
    "clerk": {"authorization": "Bearer sk_test"},
    "mailchimp": {"authorization": "Bearer token"},
    "luma": {"x-luma-api-key": "key"},
    "slack": {"authorization": "Bearer xoxb-1"},
}


@dataclass(frozen=True)
class Asked:
    """A vendor's answer, read."""

    status: int
    document: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Vendors:
    """Calls to the vendors of one world."""

    world: World

    def ask(self, vendor: str, method: str, path: str, **more: Any) -> Asked:
        """Let a vendor answer one call: `json`, `form`, `query` and `headers` as given."""
        headers = {**KEYS[vendor], **more.get("headers", {})}
        body = orjson.dumps(more["json"]) if "json" in more else b""
        if "form" in more:
            body = urlencode(more["form"]).encode()
        call = Call(method, path, urlencode(more.get("query", {})), headers, body)
        answer = Gateway(self.world.vendors[vendor], self.world, None).answer(call)
        document = orjson.loads(answer.body) if answer.body else None
        return Asked(answer.status, document, answer.headers)


@pytest.fixture
def world() -> World:
    """Give a world as after a start."""
    return World(SandboxSettings(_env_file=None), VENDORS)


@pytest.fixture
def vendors(world: World) -> Vendors:
    """Give the vendors of the world, to be called."""
    return Vendors(world)


@pytest.fixture
def stripe_state(world: World) -> StripeState:
    """Give Stripe's state."""
    return world.state(StripeState)


@pytest.fixture
def clerk_state(world: World) -> ClerkState:
    """Give Clerk's state."""
    return world.state(ClerkState)


@pytest.fixture
def mailchimp_state(world: World) -> MailchimpState:
    """Give Mailchimp's state."""
    return world.state(MailchimpState)


@pytest.fixture
def luma_state(world: World) -> LumaState:
    """Give Luma's state."""
    return world.state(LumaState)
