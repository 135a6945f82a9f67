"""Many members at once, known to the vendors already: no webhook tells of them."""

import random
from dataclasses import asdict, dataclass

from pydantic import BaseModel, ConfigDict, Field

from include.lab.sandbox.clerk.state import ClerkState
from include.lab.sandbox.mailchimp.state import MailchimpState
from include.lab.sandbox.stripe import objects
from include.lab.sandbox.stripe.state import TIERS, StripeState
from include.lab.sandbox.world import World

FIRST_NAMES = ("Ada", "Grace", "Katherine", "Radia", "Joan", "Frances", "Barbara", "Lynn")
LAST_NAMES = ("Lovelace", "Hopper", "Johnson", "Perlman", "Clarke", "Allen", "Liskov", "Conway")


@dataclass(frozen=True, kw_only=True)
class SeedPerson:
    """Who a member is."""

    email: str
    first_name: str
    last_name: str
    tier: str


@dataclass(frozen=True, kw_only=True)
class Seeded(SeedPerson):
    """One member as the vendors know her."""

    clerk_user_id: str
    stripe_customer_id: str
    stripe_subscription_id: str | None

    def as_json(self) -> dict[str, str | None]:
        """Return the member as the control interface shows it."""
        return asdict(self)


class SeedWish(BaseModel):
    """Whom to make."""

    model_config = ConfigDict(extra="forbid")

    members: int = Field(ge=0, le=100_000)
    subscribed: bool = True
    seed: int = 1
    prefix: str = Field(default="member", pattern=r"^[A-Za-z0-9._+-]+$")
    in_mailchimp: bool = False
    is_tagged: bool = False  # there, as a member is whose last sync is over


def seed_members(world: World, wish: SeedWish) -> list[Seeded]:
    """Make members; the same seed and prefix give the same people, addresses and tiers."""
    dice = random.Random(wish.seed)  # noqa: S311 - chance for tests, not for secrets
    members = []
    for number in range(wish.members):
        person = SeedPerson(
            email=f"{wish.prefix}{wish.seed}.{number}@example.org",
            first_name=dice.choice(FIRST_NAMES),
            last_name=dice.choice(LAST_NAMES),
            tier=dice.choice(tuple(TIERS)),
        )
        members.append(_known_to_stripe_and_clerk(world, person, subscribed=wish.subscribed))
        if wish.in_mailchimp:
            _known_to_mailchimp(world, person, is_tagged=wish.is_tagged)
    return members


def _known_to_stripe_and_clerk(world: World, person: SeedPerson, *, subscribed: bool) -> Seeded:
    user = world.state(ClerkState).add(person.email, person.first_name, person.last_name)
    stripe = world.state(StripeState)
    name = f"{person.first_name} {person.last_name}"
    customer = stripe.add(objects.customer(person.email, name, stripe.now()))
    subscription_id = None
    if subscribed:
        price = stripe.price_of_tier(person.tier)
        subscription = stripe.add(objects.subscription(customer["id"], [price], stripe.now()))
        subscription_id = str(subscription["id"])
    return Seeded(
        **asdict(person),
        clerk_user_id=user["id"],
        stripe_customer_id=customer["id"],
        stripe_subscription_id=subscription_id,
    )


def _known_to_mailchimp(world: World, person: SeedPerson, *, is_tagged: bool) -> None:
    mailchimp = world.state(MailchimpState)
    contact = mailchimp.contacts.add(person.email, "subscribed", mailchimp.now())
    contact.merge_fields |= {
        "FNAME": person.first_name,
        "LNAME": person.last_name,
        "TIER": person.tier,
    }
    for tag in ("active", person.tier) if is_tagged else ():
        mailchimp.tags.set(contact, tag, "active", mailchimp.now())
