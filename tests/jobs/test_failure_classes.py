"""docs/failures.md: each line of its table, made to happen at the sandbox and met by the vendor's client."""

import re
from pathlib import Path

import pytest

from include.errors import VendorError
from include.vendors.mailchimp.client import ContactFields, Journey

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "failures.md"
LINE = re.compile(r"^\| (mailchimp|stripe|clerk) \| (.+?) \| `(\w+)` \|$", re.MULTILINE)
TABLE = {(vendor, what): kind for vendor, what, kind in LINE.findall(DOCUMENT.read_text())}
PAGE = "<html><body>Service Unavailable</body></html>"
ADA = ContactFields(email="ada@example.org", merge_fields={}, status_if_new="subscribed")


def problem(status, title, detail=""):
    """Order an answer with a problem document."""
    return {"status": status, "body": {"title": title, "status": status, "detail": detail}}


def upsert(world, **options):
    world.a_mailchimp(**options).upsert_member(ADA)


def welcome(world, **options):
    world.a_mailchimp(**options).trigger_welcome("ada@example.org")


def with_fields(**merge_fields):
    fields = ContactFields(
        email="ada@example.org", merge_fields=merge_fields, status_if_new="subscribed"
    )
    return lambda world: world.mailchimp.upsert_member(fields)


def read_customer(world):
    world.stripe.read_customer("cus_1")


def read_user(world):
    world.clerk.read_user("user_1")


def fake_address(world):
    fields = ContactFields(email="ada@example.invalid", merge_fields={}, status_if_new="subscribed")
    world.mailchimp.upsert_member(fields)


FAULTS = {
    ("mailchimp", "429, too many connections"): ({"status": 429}, upsert),
    ("mailchimp", "403 without JSON"): ({"status": 403}, upsert),
    ("mailchimp", "503 with a page"): ({"status": 503, "body": PAGE}, upsert),
    ("mailchimp", "500"): ({"status": 500}, upsert),
    ("mailchimp", "connection reset"): ({"kind": "reset"}, upsert),
    ("mailchimp", "no answer in time"): (
        {"kind": "stall", "seconds": 1},
        lambda world: upsert(world, timeout_seconds=0.3),
    ),
    ("mailchimp", "answer to an upsert lost"): ({"kind": "lost_answer"}, upsert),
    ("mailchimp", "too many lists recently"): (
        problem(400, "Invalid Resource", "ada has signed up to a lot of lists very recently"),
        upsert,
    ),
    ("mailchimp", "address looks fake or invalid"): (None, fake_address),
    ("mailchimp", "merge field too long"): (None, with_fields(FNAME="A" * 300)),
    ("mailchimp", "list unknown"): (None, lambda world: upsert(world, list_id="ffffffffff")),
    ("mailchimp", "journey unknown"): (
        None,
        lambda world: welcome(world, welcome=Journey(journey_id=9, step_id=9)),
    ),
    ("mailchimp", "API key refused"): (problem(401, "API Key Invalid"), upsert),
    ("mailchimp", "compliance state"): (
        problem(400, "Member In Compliance State", "ada is in a compliance state"),
        upsert,
    ),
    ("mailchimp", "deleted for good"): (
        problem(400, "Forgotten Email Not Subscribed", "ada was permanently deleted"),
        upsert,
    ),
    ("mailchimp", "answer to the welcome lost"): ({"kind": "lost_answer"}, welcome),
    ("mailchimp", "500 to the welcome"): ({"status": 500}, welcome),
    ("mailchimp", "429 to the welcome"): ({"status": 429}, welcome),
    ("stripe", "429"): (
        {"status": 429, "body": {"error": {"type": "invalid_request_error", "code": "rate_limit"}}},
        read_customer,
    ),
    ("stripe", "429 without JSON"): ({"status": 429}, read_customer),
    ("stripe", "403 without JSON"): ({"status": 403, "body": PAGE}, read_customer),
    ("stripe", "500"): ({"status": 500}, read_customer),
    ("stripe", "connection reset"): ({"kind": "reset"}, read_customer),
    ("stripe", "API key refused"): (
        {"status": 401, "body": {"error": {"type": "invalid_request_error"}}},
        read_customer,
    ),
    ("clerk", "429 with a pause"): ({"status": 429, "headers": {"Retry-After": "3"}}, read_user),
    ("clerk", "503"): ({"status": 503}, read_user),
    ("clerk", "connection reset"): ({"kind": "reset"}, read_user),
    ("clerk", "API key refused"): ({"status": 401}, read_user),
}


def test_every_line_is_tested():
    """And every test is a line: the document cannot drift from what is so."""
    assert set(TABLE) == set(FAULTS)


@pytest.mark.parametrize("line", FAULTS, ids=": ".join)
def test_failure_is_taken_for_what_the_document_says(world, line):
    """The class, who it was, and a text without an address."""
    vendor, _ = line
    fault, call = FAULTS[line]
    if fault is not None:
        wish = {"kind": "status", **fault}
        world.sandbox.fault(vendor, times=5, **wish)

    with pytest.raises(VendorError) as caught:
        call(world)

    assert caught.value.kind == TABLE[line]
    assert caught.value.vendor == vendor
    assert "@" not in str(caught.value)
    assert fault is None or world.sandbox.fired() > 0


def test_renamed_tag_is_made_again(world):
    """C12: somebody renames our tag at Mailchimp: the next member gets it under its name."""
    world.run(*world.join())

    world.mailchimp.set_tags("ada@example.org", {"pro": False, "pro (old)": True})
    eve = world.run(*world.join(email="eve@example.org"))

    assert {state.value for state in world.states(eve)} == {"processed"}
    assert world.contact("eve@example.org")["tags"] == {"active", "pro"}
