"""Who may tell PagerDuty and Twilio anything."""

import base64

import orjson
import pytest

from include.lab.sandbox.gateway import Gateway
from include.lab.sandbox.server import VENDORS
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.wire import Call
from include.lab.sandbox.world import World

ACCOUNT = "AC" + "0" * 32
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
KEY = "0123456789abcdef0123456789abcdef"


def ask(vendor, call, **settings):
    """Let a vendor answer one call, with these settings."""
    world = World(SandboxSettings(_env_file=None, **settings), VENDORS)
    return Gateway(world.vendors[vendor], world, None).answer(call)


def twilio(credentials, path=PATH):
    """Return the status of a look at an account's messages."""
    header = {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
    return ask("twilio", Call("GET", path, "", header, b""), twilio_auth_token="right").status


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        (f"{ACCOUNT}:right", 200),
        (f"{ACCOUNT}:wrong", 401),
        (f"{ACCOUNT}:", 401),
        ("AC" + "1" * 32 + ":right", 401),
        ("nonsense", 401),
    ],
)
def test_twilio_wants_the_accounts_token(credentials, status):
    """The account is the one in the path."""
    assert twilio(credentials) == status


def test_twilio_knows_nothing_else():
    """A path it does not have is answered in its own form."""
    assert twilio(f"{ACCOUNT}:right", PATH.replace("Messages", "Calls")) == 404


@pytest.mark.parametrize(("key", "status"), [(KEY, 202), (KEY[::-1], 400), ("short", 400)])
def test_pagerduty_wants_its_routing_key(key, status):
    """It is in the event; a key it does not know is refused, and not repeated."""
    event = {"routing_key": key, "event_action": "resolve", "dedup_key": "x"}
    call = Call("POST", "/enqueue", "", {}, orjson.dumps(event))

    answer = ask("pagerduty", call, pagerduty_routing_key=KEY)

    assert answer.status == status
    assert key.encode() not in answer.body
