"""Vendors refuse, break off and lose answers while members join: each member is right in the end, or somebody is asked.

C1, C2, C4, F1, F2 and F4 as a load on the real stack. Every ordered fault must have fired. Afterwards a person decides
about the dead letters at the terminal, and all members are right.
"""

import random

import pytest

from include.lab.demo.play import stage_on
from include.vendors.mailchimp.client import subscriber_hash
from tests.faults.invariants import check
from tests.faults.load import SEED, Load
from tests.waiting import until

pytestmark = pytest.mark.timeout(7200)
TELL_EACH = 20
FEW = 4  # at once, so that they are not synced in bulk: a call is for one of them
SHARE = 0.04
TAKEN_SECONDS = 60
PAGE = "<html><body>Service Unavailable</body></html>"
LISTS, WELCOME = "/lists/*", "/customer-journeys/*"

AT_RANDOM = (
    {"vendor": "mailchimp", "path": LISTS, "kind": "status", "status": 429},
    {"vendor": "mailchimp", "path": LISTS, "kind": "status", "status": 403},
    {"vendor": "mailchimp", "path": LISTS, "kind": "status", "status": 503, "body": PAGE},
    {"vendor": "mailchimp", "path": LISTS, "kind": "reset"},
    {"vendor": "mailchimp", "path": LISTS, "kind": "lost_answer"},
    {"vendor": "mailchimp", "path": WELCOME, "kind": "status", "status": 429},
    {"vendor": "stripe", "kind": "status", "status": 429},
    {"vendor": "stripe", "kind": "status", "status": 500},
    {"vendor": "stripe", "kind": "reset"},
)
"""What fails now and then, and is tried again. Clerk is not asked when somebody joins: its events say it all."""

FOR_HER = (
    {"kind": "status", "status": 503, "body": PAGE},
    {
        "kind": "status",
        "status": 400,
        "body": {
            "title": "Invalid Resource",
            "status": 400,
            "detail": "looks fake or invalid, please enter a real email address.",
        },
    },
)
"""What fails for one member, whoever tries: until it is given up, and at once."""

DECISIONS = {"transient": "replay", "permanent": "replay", "uncertain": "compensate"}
REASON = ("--reason", "Mailchimp answers again", "--actor", "a person", "--yes")


@pytest.fixture
def stage(local_stack):
    """Give the vendors on one side, what came of it on the other; no fault stays."""
    with stage_on(local_stack.stack) as stage:
        yield stage
        stage.sandbox.http.delete("/faults").raise_for_status()


def test_each_member_is_right_or_somebody_is_asked(stage, local_stack, say, is_long):
    """One member each is given up, refused for good, and not known to be welcomed; a person puts all three right."""
    least, most, calm = (500, 600, 1800) if is_long else (24, 100, 200)
    load, dice = Load(stage), random.Random(SEED)  # noqa: S311 - chance for tests
    load.join(FEW)
    for member, fault in zip(load.members, FOR_HER, strict=False):
        path = f"/lists/*/members/{subscriber_hash(member.email)}"
        stage.sandbox.post("/faults", {"vendor": "mailchimp", "path": path, **fault})
    lost = {"vendor": "mailchimp", "path": WELCOME, "kind": "lost_answer", "times": 1}
    stage.sandbox.post("/faults", lost)
    for fault in AT_RANDOM:
        wish = {**fault, "share": SHARE, "seed": dice.randrange(2**32)}
        stage.sandbox.post("/faults", wish)

    while len(load.members) < most and not (all(fired(stage)) and len(load.members) >= least):
        load.send()
        assert until(load.is_taken, TAKEN_SECONDS), "rows are not taken"
        load.join(FEW)
        if not len(load.members) % TELL_EACH:
            say.now(f"{sum(fired(stage))} calls failed, {len(load.members)} members joined")
    is_over = until(load.is_over, calm)
    found, failed = check(stage, load), fired(stage)
    say.in_the_end(f"vendors: {sum(failed)} calls failed, in {len(failed)} ways")
    say.in_the_end(found.summary(load))
    assert found.broken == []
    assert all(failed), failed
    assert is_over, "rows are still open"
    assert set(found.letters) == set(DECISIONS)
    assert found.shown == 1

    stage.sandbox.http.delete("/faults").raise_for_status()
    for failure, act in DECISIONS.items():
        done = local_stack.ops("dead-letters", act, "--class", failure, *REASON)
        assert done.returncode == 0, done.stdout + done.stderr
    is_over = until(lambda: load.is_over() and not check(stage, load).letters, calm)

    found = check(stage, load)
    say.in_the_end(f"a person has decided: {found.summary(load)}")
    assert found.broken == []
    assert is_over, "rows or letters are still open"
    assert (found.welcomed, found.shown) == (len(load.members), 0)


def fired(stage):
    """Return how often each fault has fired."""
    return [fault["fired"] for fault in stage.sandbox.get("/faults")["faults"]]
