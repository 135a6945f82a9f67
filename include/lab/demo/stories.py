"""The stories of `./ops demo`: a function each, its first line the title, and a line in `STORIES`.

Those of the jobs with a clock have modules of their own.

Each uses people of its own, so it can be played again on a stack that has seen it before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from include.lab.demo.alerts import alert_rules
from include.lab.demo.checks import expect_linked, expect_members
from include.lab.demo.cleanup import database_cleanup
from include.lab.demo.dead_letter import dead_letter
from include.lab.demo.endings import membership_ends
from include.lab.demo.luma import luma_auto_approval
from include.lab.demo.other_sales import other_sales
from include.lab.demo.silence import endpoint_disabled
from include.lab.demo.slack import slack_status_sync
from include.lab.demo.ticks import missed_and_late

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.lab.demo.stage import Stage

AT_ONCE = 200
COPIES = 20


def stripe_first(stage: Stage) -> None:
    """Pay in Stripe, then sign up in Clerk: a new member."""
    member = stage.newcomer()
    joined = stage.join(member, "stripe_first")

    stage.deliver("she has paid", joined.of("stripe"))
    stage.deliver("she has signed up", joined.of("clerk"))

    expect_members(stage, [member])
    expect_linked(stage, member, joined.ids)


def clerk_first(stage: Stage) -> None:
    """Sign up in Clerk, then pay in Stripe: a new member."""
    member = stage.newcomer()
    joined = stage.join(member, "clerk_first")

    stage.deliver("she has signed up", joined.of("clerk"))
    stage.deliver("she has paid", joined.of("stripe"))

    expect_members(stage, [member])
    expect_linked(stage, member, joined.ids)


def update(stage: Stage) -> None:
    """Take another name and another tier: a member changes."""
    member = stage.newcomer()
    joined = stage.join(member, "clerk_first")
    stage.deliver("she has joined", joined.events)

    changed = replace(member, last_name="Goldberg", tier="leader")
    act = stage.sandbox.act(
        "update_member", email=member.email, last_name=changed.last_name, tier=changed.tier
    )
    stage.deliver("she has changed name and tier", act.events)

    expect_members(stage, [changed])


def duplicate(stage: Stage) -> None:
    """Send one webhook twenty times at once, and twice more later: one run, one welcome."""
    member = stage.newcomer()
    event = stage.join(member, "clerk_first").of_type("checkout.session.completed")

    at_once = stage.deliver(f"{COPIES} copies at once", event, copies=COPIES, at_once=COPIES)
    later = stage.deliver("twice more", event, copies=2)

    stage.expect("inbox rows of the event", len(later.rows), 1)
    stage.expect("runs that took it", [row.attempts for row in later.rows], [1])
    stage.expect("its run after the later copies", later.runs, at_once.runs)
    expect_members(stage, [member])


def two_hundred_at_once(stage: Stage) -> None:
    """Pay in the same moment: two hundred new members."""
    members = [stage.newcomer(number) for number in range(AT_ONCE)]
    acts = [stage.join(member, "clerk_first") for member in members]
    paid = [event for act in acts for event in act.of_type("customer.subscription.created")]

    stage.deliver(f"{AT_ONCE} webhooks at once", paid, at_once=AT_ONCE)

    expect_members(stage, members)


SECONDS = {
    "endpoint_disabled": 12,
    "two_hundred_at_once": 6,
    "alert_rules": 60,
    "dead_letter": 50,
    "membership_ends": 40,
    "luma_auto_approval": 20,
    "slack_status_sync": 20,
    "database_cleanup": 10,
}
"""How long a story takes on a quiet machine, where that is more than a moment."""

STORIES: tuple[Callable[[Stage], None], ...] = (
    stripe_first,
    clerk_first,
    update,
    duplicate,
    endpoint_disabled,
    two_hundred_at_once,
    other_sales,
    alert_rules,
    dead_letter,
    membership_ends,
    luma_auto_approval,
    slack_status_sync,
    database_cleanup,
)
ON_DEMAND: tuple[Callable[[Stage], None], ...] = (missed_and_late,)
"""What takes minutes, for it waits for the clock: played where it is named."""
