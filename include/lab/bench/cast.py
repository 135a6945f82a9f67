"""Who acts in a measurement: members who have been synced before, and people who join.

Both happen at the vendors first, so that what is sent is what the vendor would send, and what a job
reads from the vendor fits it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from include.lab.bench.errors import BenchError
from include.lab.bench.sandbox import COMPLETED, UPDATED, BenchSandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lab.bench.contender import Contender
    from include.lab.bench.webhooks import Webhook

SAMPLE = 20
JOINED_TIER = "pro"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedContact:
    """How an address must stand at Mailchimp afterwards."""

    email: str
    tier: str
    welcomes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """The webhooks of one measurement, in a seeded order, and what must come of them."""

    webhooks: list[Webhook]
    expected: list[ExpectedContact]


def play(
    sandbox: BenchSandbox, contender: Contender, *, changes: int, joins: int, seed: int
) -> Scene:
    """Let as many known members change their tier and as many people join; nothing is sent yet."""
    prefix = f"bench{token_hex(4)}."
    members = sandbox.seed(changes, prefix)
    contender.enrol(members)
    changed = {one.stripe_subscription_id: one for one in members}
    tiers = {one.email: sandbox.change_tier(one) for one in members}
    joined = [f"{prefix}joined{number}@example.org" for number in range(joins)]
    sessions = [sandbox.join(email, JOINED_TIER) for email in joined]
    webhooks = [
        *sandbox.events_about(UPDATED, changed.keys()).values(),
        *sandbox.events_about(COMPLETED, set(sessions)).values(),
    ]
    random.Random(seed).shuffle(webhooks)  # noqa: S311 - an order, not a secret
    expected = [
        ExpectedContact(email=email, tier=tier, welcomes=0) for email, tier in tiers.items()
    ]
    expected += [ExpectedContact(email=email, tier=JOINED_TIER, welcomes=1) for email in joined]
    return Scene(webhooks=webhooks, expected=expected)


def check(sandbox: BenchSandbox, expected: Sequence[ExpectedContact], *, seed: int) -> None:
    """Raise BenchError unless a sample of the addresses stands at Mailchimp as it must."""
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    for one in dice.sample(expected, min(SAMPLE, len(expected))):
        outcome = sandbox.outcome(one.email)
        found = (outcome.status, (outcome.tier or "").lower(), outcome.welcomes)
        wanted = ("subscribed", one.tier, one.welcomes)
        if found != wanted:
            raise BenchError(f"Mailchimp has {found} where {wanted} was to be")
