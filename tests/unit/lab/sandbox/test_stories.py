"""Stories and seed: who knows whom afterwards, and which events came of it."""

import pytest
from pydantic import TypeAdapter

from include.lab.sandbox.seed import SeedWish, seed_members
from include.lab.sandbox.stories import AnyStory, StoryError, ids_of
from include.lab.sandbox.stories.members import DeleteUser, MembershipStory, NewMember, UpdateMember

ADA = {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"}


def a_story(**wish):
    """Read a story as the control interface does."""
    return TypeAdapter(AnyStory).validate_python(wish)


def types(world):
    return [event.type for event in world.outbox]


def session_of(world, ids, stripe_state):
    return stripe_state.get("checkout.session", ids["checkout_session_id"])


def test_clerk_first_names_the_user_in_the_session(world, stripe_state):
    """Who signed up before paying is named by `client_reference_id`."""
    ids = NewMember(story="new_member", **ADA, via="clerk_first").play(world)

    session = session_of(world, ids, stripe_state)
    assert session["client_reference_id"] == ids["clerk_user_id"]
    assert types(world)[0] == "user.created"


def test_stripe_first_knows_only_the_address(world, stripe_state):
    """Who pays first is known by the address alone; the user follows."""
    ids = NewMember(story="new_member", **ADA, via="stripe_first").play(world)

    session = session_of(world, ids, stripe_state)
    assert session["client_reference_id"] is None
    assert session["customer_details"]["email"] == ADA["email"]
    assert types(world)[-2:] == ["checkout.session.completed", "user.created"]


def test_update_reaches_both_vendors(world, stripe_state, clerk_state):
    """A changed name, address and tier are known to Clerk, the customer and the subscription."""
    ids = NewMember(story="new_member", **ADA, tier="pro").play(world)
    mark = len(world.outbox)

    UpdateMember(
        story="update_member",
        email=ADA["email"],
        last_name="King",
        new_email="ada@example.com",
        tier="leader",
    ).play(world)

    user = clerk_state.by_email("ada@example.com")
    assert (user["id"], user["last_name"]) == (ids["clerk_user_id"], "King")
    assert clerk_state.by_email(ADA["email"]) is None
    customer = stripe_state.get("customer", ids["stripe_customer_id"])
    assert (customer["name"], customer["email"]) == ("Ada King", "ada@example.com")
    told = [event.type for event in world.outbox.since(mark)]
    assert sorted(told) == [
        "customer.subscription.updated",
        "customer.updated",
        "user.updated",
        "user.updated",
    ]


@pytest.mark.parametrize(
    ("stories", "status", "last_event"),
    [
        (["cancel_at_period_end"], "active", "customer.subscription.updated"),
        (["cancel_at_period_end", "resume"], "active", "customer.subscription.updated"),
        (["cancel_now"], "canceled", "customer.subscription.deleted"),
        (["pause"], "paused", "customer.subscription.paused"),
        (["pause", "resume"], "active", "customer.subscription.resumed"),
        (["payment_failed"], "past_due", "customer.subscription.updated"),
        (["payment_failed", "payment_recovered"], "active", "customer.subscription.updated"),
        (["renew"], "active", "invoice.payment_succeeded"),
        (["payment_failed", "payment_given_up"], "canceled", "customer.subscription.deleted"),
        (["refund"], "active", "charge.refunded"),
    ],
)
def test_subscription_ends_up_in_its_state(world, stripe_state, stories, status, last_event):
    """Each story leaves the subscription in the state its event tells of."""
    ids = NewMember(story="new_member", **ADA).play(world)

    for story in stories:
        a_story(story=story, email=ADA["email"]).play(world)

    subscription = stripe_state.get("subscription", ids["stripe_subscription_id"])
    assert (subscription["status"], types(world)[-1]) == (status, last_event)


@pytest.mark.parametrize("story", ["cancel_at_period_end", "cancel_at"])
def test_cancellation_can_be_near(world, stripe_state, story):
    """A period that ends in 20 s, or a cancellation for then: the demo does not wait for a month."""
    ids = NewMember(story="new_member", **ADA).play(world)
    before = stripe_state.now()

    a_story(story=story, email=ADA["email"], in_seconds=20).play(world)

    subscription = stripe_state.get("subscription", ids["stripe_subscription_id"])
    item = subscription["items"]["data"][0]
    assert before + 20 <= subscription["cancel_at"] <= stripe_state.now() + 20
    assert subscription["cancel_at_period_end"] is (story == "cancel_at_period_end")
    assert (item["current_period_end"] == subscription["cancel_at"]) is (
        story == "cancel_at_period_end"
    )


def test_cancellation_for_a_moment_needs_one(world):
    NewMember(story="new_member", **ADA).play(world)

    with pytest.raises(StoryError, match="in_seconds"):
        a_story(story="cancel_at", email=ADA["email"]).play(world)


@pytest.mark.parametrize(
    "story",
    [
        DeleteUser(story="delete_user", email="nobody@example.org"),
        MembershipStory(story="renew", email="nobody@example.org"),
    ],
)
def test_story_about_nobody_is_an_error(world, story):
    """A story cannot be played with somebody who is not there."""
    with pytest.raises(StoryError):
        story.play(world)


def test_seed_is_repeatable_and_silent(world):
    """The same seed gives the same people; nothing is told."""
    wish = SeedWish(members=20, seed=4, prefix="p", in_mailchimp=True)
    first = [(m.email, m.first_name, m.tier) for m in seed_members(world, wish)]
    world.reset()
    again = [(m.email, m.first_name, m.tier) for m in seed_members(world, wish)]

    assert first == again
    assert len(world.outbox) == 0


def test_seeded_member_is_known_to_all(world, vendors):
    """Stripe, Clerk and Mailchimp know the same person under the same address."""
    member = seed_members(world, SeedWish(members=3, in_mailchimp=True))[1]

    assert ids_of(world, member.email) == {
        "clerk_user_id": member.clerk_user_id,
        "stripe_customer_id": member.stripe_customer_id,
        "stripe_subscription_id": member.stripe_subscription_id,
    }
    path = f"/lists/a1b2c3d4e5/members/{member.email}"
    fields = vendors.ask("mailchimp", "GET", path).document["merge_fields"]
    assert (fields["FNAME"], fields["TIER"]) == (member.first_name, member.tier)


def test_seed_without_subscription(world):
    """`subscribed: false` makes people who have not paid."""
    member = seed_members(world, SeedWish(members=1, subscribed=False))[0]

    assert member.stripe_subscription_id is None
    assert "stripe_subscription_id" not in ids_of(world, member.email)
