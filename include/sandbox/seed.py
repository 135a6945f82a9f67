"""Many members at once, known to the vendors already: no webhook tells of them."""

import random
from dataclasses import asdict, dataclass

from include.sandbox.clerk.state import ClerkState
from include.sandbox.mailchimp.state import MailchimpState
from include.sandbox.stripe import objects
from include.sandbox.stripe.state import TIERS, StripeState
from include.sandbox.world import World

FIRST_NAMES = ("Ada", "Grace", "Katherine", "Radia", "Joan", "Frances", "Barbara", "Lynn")
LAST_NAMES = ("Lovelace", "Hopper", "Johnson", "Perlman", "Clarke", "Allen", "Liskov", "Conway")


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """One member as the vendors know her."""

    email: str
    first_name: str
    last_name: str
    tier: str
    clerk_user_id: str
    stripe_customer_id: str
    stripe_subscription_id: str | None

    def as_json(self) -> dict[str, str | None]:
        """Return the member as the control interface shows it."""
        return asdict(self)


def seed_members(
    world: World, count: int, *, subscribed: bool, seed: int, prefix: str, in_mailchimp: bool
) -> list[Seeded]:
    """Make members; the same seed and prefix give the same people, addresses and tiers."""
    dice = random.Random(seed)  # noqa: S311 - chance for tests, not for secrets
    members = []
    for number in range(count):
        first_name, last_name = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        tier = dice.choice(tuple(TIERS))
        email = f"{prefix}{seed}.{number}@example.org"
        member = _known_to_stripe_and_clerk(world, email, first_name, last_name, tier, subscribed)
        members.append(member)
        if in_mailchimp:
            _known_to_mailchimp(world, member)
    return members


def _known_to_stripe_and_clerk(  # noqa: PLR0913, PLR0917 - one value per column
    world: World,
    email: str,
    first_name: str,
    last_name: str,
    tier: str,
    subscribed: bool,  # noqa: FBT001
) -> Seeded:
    user = world.state(ClerkState).add(email, first_name, last_name)
    stripe = world.state(StripeState)
    customer = stripe.add(objects.customer(email, f"{first_name} {last_name}", stripe.now()))
    subscription = None
    if subscribed:
        price = stripe.price_of_tier(tier)
        subscription = stripe.add(objects.subscription(customer["id"], price, stripe.now()))
    return Seeded(
        email=email,
        first_name=first_name,
        last_name=last_name,
        tier=tier,
        clerk_user_id=user["id"],
        stripe_customer_id=customer["id"],
        stripe_subscription_id=subscription and subscription["id"],
    )


def _known_to_mailchimp(world: World, member: Seeded) -> None:
    mailchimp = world.state(MailchimpState)
    contact = mailchimp.contacts.add(member.email, "subscribed", mailchimp.now())
    contact.merge_fields |= {
        "FNAME": member.first_name,
        "LNAME": member.last_name,
        "TIER": member.tier,
    }
