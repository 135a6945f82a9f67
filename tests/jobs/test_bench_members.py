"""The bench's members are to us what a member is whom we have synced: no more and no less is known of them."""

from dataclasses import replace

from include.lab.bench.enrolment import enrol_synced
from include.lab.bench.sandbox import BenchMember
from include.membership.members import ExternalId

EMAIL = "ada@example.org"


def test_enrolled_member_is_as_a_sync_leaves_her(world):
    """All that the store holds of her, but for her row's id, the moments and what only Stripe knows."""
    world.run(*world.join(EMAIL))
    real = facts(world)
    member = next(iter(real["members"]))
    her = BenchMember(
        email=EMAIL,
        first_name=member.first_name,
        last_name=member.last_name,
        tier=member.memberships[0].tier,
        clerk_user_id=member.clerk_user_id,
        stripe_customer_id=member.stripe_customer_id,
        stripe_subscription_id=member.memberships[0].subscription_id,
    )
    for table in ("public.memberships", "public.users", "ops.objects", "ops.contacts"):
        world.store.connection.execute(f"DELETE FROM {table}")  # noqa: S608

    enrol_synced(world.dsn, [her])

    assert facts(world) == real


def test_change_of_enrolled_members_needs_no_call_of_its_own(world):
    """Nobody is met for the first time: neither Stripe nor Mailchimp is asked about one alone."""
    wish = {"members": 20, "in_mailchimp": True, "is_tagged": True}
    seeded = world.sandbox.ask("POST", "seed", json=wish)["members"]
    enrol_synced(world.dsn, [BenchMember(**one) for one in seeded])
    events = [
        event
        for one in seeded
        for event in world.act("update_member", email=one["email"], tier=other_than(one["tier"]))
        if event["vendor"] == "stripe"
    ]
    world.sandbox.ask("DELETE", "calls")

    world.run(*events)

    assert world.sandbox.count("stripe") == world.sandbox.count("clerk") == 0
    assert world.sandbox.count("mailchimp", path="*/members/*") == 0
    assert 0 < world.sandbox.count("mailchimp") <= 8  # an upsert, the tags, and a call for each


def facts(world):
    """Return what the store holds of the one member, without what no two members share."""
    [member_id] = world.store.members.find([ExternalId("email", EMAIL)])
    member = world.store.members.read([member_id])[member_id]
    alike = [
        replace(m, first_active_at=None, current_period_end=None, keyed_price=None)
        for m in member.memberships
    ]
    objects = [
        one
        for provider in ("clerk", "stripe")
        for one in world.store.objects.of_members(provider, [member_id]).values()
    ]
    return {
        "members": [replace(member, id=None, created_at=None, memberships=tuple(alike))],
        "objects": {(one.key, one.is_final, one.provides) for one in objects},
        "mode": {one.member_id == member_id for one in objects},
    }


def other_than(tier):
    """Return another tier."""
    return "pro" if tier != "pro" else "leader"
