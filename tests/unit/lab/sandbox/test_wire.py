"""The table between a call and what answers it, for every vendor."""

import pytest

from include.lab.sandbox.server import VENDORS
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.wire import Answer, Call, Routes
from include.lab.sandbox.world import World
from tests.unit.lab.sandbox.conftest import KEYS

KEYED = [vendor.name for vendor in VENDORS if vendor.name in KEYS]
"""Those with a key in a header; what the others want is in `test_alert_vendors.py`."""

REFUSED_WITH = {"slack": 200}  # whose refusals are answers with `ok: false`


def test_first_route_that_fits_answers():
    """A plain path written before a named one wins."""
    routes = Routes()
    routes.on("GET", "/a/search")(lambda _state, _call: Answer(1))
    routes.on("GET", "/a/{_id}")(lambda _state, _call, _id: Answer(2))

    found, values = routes.find(Call("GET", "/a/search", "", {}, b""))
    assert (found(None, None).status, values) == (1, {})
    assert routes.find(Call("GET", "/a/7", "", {}, b""))[1] == {"_id": "7"}
    assert routes.find(Call("PUT", "/a/7", "", {}, b"")) is None


@pytest.mark.parametrize("vendor", KEYED)
def test_unknown_path_is_the_vendors_own_404(vendors, vendor):
    """A path that a vendor does not have is answered in its own form."""
    asked = vendors.ask(vendor, "GET", "/v1/no/such/path")

    assert asked.status == REFUSED_WITH.get(vendor, 404)
    assert asked.document.keys() & {"error", "errors", "title", "message"}


def header_of(vendor, value):
    """Return the header in which a vendor takes its key."""
    if vendor == "luma":
        return {"x-luma-api-key": value.removeprefix("Bearer ")}
    return {"authorization": value}


@pytest.mark.parametrize("vendor", KEYED)
@pytest.mark.parametrize("header", ["", "Bearer ", "Basic ???", "Bearer sk-guessed"])
def test_wrong_key_is_the_vendors_own_401(vendor, header):
    """With a key set, no other key is accepted; the wrong one is not repeated in the answer."""
    settings = SandboxSettings(**{f"{vendor}_api_key": "right"})
    world = World(settings, VENDORS)

    with pytest.raises(Exception, match=f"answered {REFUSED_WITH.get(vendor, 401)}") as refused:
        world.vendors[vendor].authorize(
            settings, Call("GET", "/", "", header_of(vendor, header), b"")
        )

    assert b"guessed" not in refused.value.answer.body


@pytest.mark.parametrize("vendor", KEYED)
def test_right_key_is_accepted(vendor):
    """The key that was set opens the door."""
    settings = SandboxSettings(**{f"{vendor}_api_key": "right"})
    world = World(settings, VENDORS)
    call = Call("GET", "/", "", header_of(vendor, "Bearer right"), b"")

    assert world.vendors[vendor].authorize(settings, call) is None


def test_mailchimp_paths_never_say_server():
    """mailchimp-marketing replaces the text `server` anywhere in a URL."""
    table = next(vendor for vendor in VENDORS if vendor.name == "mailchimp").routes

    patterns = [pattern.pattern for rows in table._table.values() for pattern, _ in rows]
    assert patterns
    assert not any("server" in pattern for pattern in patterns)
