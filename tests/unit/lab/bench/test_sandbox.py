"""The bench's client of the sandbox, over the wire."""

import hashlib
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from include.lab.bench import cast
from include.lab.bench.cast import ExpectedContact, check
from include.lab.bench.errors import BenchError
from include.lab.bench.sandbox import COMPLETED, NEXT_TIER, UPDATED


def test_a_change_of_tier_makes_stripes_own_event(sandbox):
    """What is sent is what Stripe would send: the subscription with its new price."""
    (member,) = sandbox.seed(1, "change.")

    tier = sandbox.change_tier(member)
    events = sandbox.events_about(UPDATED, {member.stripe_subscription_id})

    event = json.loads(events[member.stripe_subscription_id].body)
    assert tier == NEXT_TIER[member.tier]
    assert event["type"] == UPDATED
    assert event["data"]["object"]["items"]["data"][0]["price"]["metadata"]["tier"] == tier


def test_a_planned_end_makes_stripes_own_event(sandbox):
    """For that very second."""
    (member,) = sandbox.seed(1, "ends.")
    at = datetime(2040, 1, 31, 12, 0, 7, tzinfo=UTC)

    sandbox.cancel_at(member, at)
    events = sandbox.events_about(UPDATED, {member.stripe_subscription_id})

    event = json.loads(events[member.stripe_subscription_id].body)
    assert event["data"]["object"]["cancel_at"] == at.timestamp()


def test_a_slow_vendor_takes_its_time_within_the_block(sandbox):
    """As a real Mailchimp does; afterwards it is as fast as before."""

    def seconds():
        began = time.monotonic()
        sandbox.tags("nobody@example.org")
        sandbox._http.get("/mailchimp/3.0/ping", auth=("any", "key-us1"))
        return time.monotonic() - began

    with sandbox.slow("mailchimp", 0.3):
        assert seconds() >= 0.3
    assert seconds() < 0.3


def test_tags_are_those_that_mailchimp_has(sandbox):
    """A member's are those of a sync, and what she got since; an address that it does not know has none."""
    (member,) = sandbox.seed(1, "tags.")

    contact = hashlib.md5(member.email.encode(), usedforsecurity=False).hexdigest()
    sandbox._http.post(
        f"/mailchimp/3.0/lists/a1b2c3d4e5/members/{contact}/tags",
        json={"tags": [{"name": "alumni", "status": "active"}]},
        auth=("any", "key-us1"),
    ).raise_for_status()

    assert sandbox.tags(member.email) == {"active", member.tier, "alumni"}
    assert sandbox.tags("nobody@example.org") == set()


def test_more_events_than_a_page_are_found(sandbox):
    """Stripe lists a hundred at a time."""
    members = sandbox.seed(120, "pages.")
    for member in members:
        sandbox.change_tier(member)
    wanted = {member.stripe_subscription_id for member in members}

    events = sandbox.events_about(UPDATED, wanted)

    assert events.keys() == wanted
    assert len({webhook.event_id for webhook in events.values()}) == 120


def test_somebody_who_joins_completes_a_checkout(sandbox):
    """The event names the session; customer and subscription exist at the vendor."""
    session = sandbox.join("hedy@example.org", "pro")

    event = json.loads(sandbox.events_about(COMPLETED, {session})[session].body)

    assert event["data"]["object"]["customer_details"]["email"] == "hedy@example.org"


def test_an_event_that_is_not_there_is_said(sandbox):
    """Too few webhooks would be a burst of another size."""
    with pytest.raises(BenchError, match="0 of 1 events"):
        sandbox.events_about(UPDATED, {"sub_unknown"})


def test_a_refusal_is_said(sandbox):
    """The sandbox's no is not taken for an answer."""
    (member,) = sandbox.seed(1, "refusal.")
    stranger = replace(member, stripe_subscription_id="sub_unknown")

    with pytest.raises(BenchError, match="404"):
        sandbox.change_tier(stranger)


def test_members_that_stand_as_expected_pass(sandbox):
    """Seeded members are subscribed, with their tier, and were not welcomed."""
    members = sandbox.seed(3, "right.")

    check(
        sandbox,
        [ExpectedContact(email=one.email, tier=one.tier, welcomes=0) for one in members],
        seed=1,
    )


@pytest.mark.parametrize(("tier", "welcomes"), [("another", 0), (None, 1)])
def test_a_member_that_stands_otherwise_fails(sandbox, tier, welcomes):
    """Fast and wrong is no figure: another tier, or a welcome that was not sent."""
    (member,) = sandbox.seed(1, f"wrong{welcomes}.")
    expected = ExpectedContact(email=member.email, tier=tier or member.tier, welcomes=welcomes)

    with pytest.raises(BenchError, match="was to be"):
        check(sandbox, [expected], seed=1)


def test_a_scene_has_the_mix_it_says(sandbox, scripted):
    """As many known members as asked for, as many new ones, each in one webhook."""
    contender = scripted()

    scene = cast.play(sandbox, contender, changes=3, joins=2, seed=1)

    kinds = [json.loads(webhook.body)["type"] for webhook in scene.webhooks]
    assert (kinds.count(UPDATED), kinds.count(COMPLETED)) == (3, 2)
    assert len(contender.enrolled) == 3
    assert sorted(one.welcomes for one in scene.expected) == [0, 0, 0, 1, 1]


def test_calls_are_forgotten_and_counted(sandbox):
    """The highest number at once is that of the burst, not of the day."""
    sandbox.forget_calls()

    assert sandbox.highest_at_once() == 0
    assert sandbox.violations() == 0


def test_slow_calls_are_told_by_kind(sandbox):
    """What Mailchimp takes for them with all its ten connections at work; of a call that is new its path is told."""
    member = "/mailchimp/3.0/lists/a1b2c3d4e5/members/" + "0" * 32
    sandbox.forget_calls()
    with sandbox.slow("mailchimp", 0.01):
        for path in (
            member,
            member,
            "/mailchimp/3.0/lists/a1b2c3d4e5/segments",
            "/mailchimp/3.0/x",
        ):
            sandbox._http.get(path, auth=("any", "key-us1"))

        told = sandbox.mailchimp_seconds()

    assert told == {
        "Mailchimp: one contact": 0.002,
        "Mailchimp: which tags there are": 0.001,
        "GET /x": 0.001,
    }
    assert sandbox.mailchimp_seconds() == {}
