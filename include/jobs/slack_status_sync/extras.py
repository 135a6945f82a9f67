"""What is beside the targets: the field of the profile, and the list of accounts that staff may close."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from include.errors import PermanentVendorError, TimeUpError, VendorError, VendorUncertainError
from include.jobs.slack_status_sync.snapshot import field_of
from include.membership.standing import Standing, access_of, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta
    from uuid import UUID

    from include.jobs.slack_status_sync.decide import MembershipSnapshot, RemovalGrace
    from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter
    from include.jobs.slack_status_sync.report import SlackSyncResult
    from include.membership.members import Member
    from include.store import Store
    from include.store.slack import AccountLink, SlackGracePeriod
    from include.vendors.slack.client import Slack
    from include.vendors.slack.workspace import SlackWorkspace

MAX_PROPOSED = 50
"""People named in one message; more are named by the next run."""

log = structlog.get_logger(__name__)


def fields_to_set(
    members: Iterable[Member],
    links: Mapping[UUID, AccountLink],
    snapshot: MembershipSnapshot,
    grace: RemovalGrace,
) -> list[tuple[AccountLink, str]]:
    """Return whose profile says something else than it should, and what it should say.

    Who has lapsed keeps what it says until her grace period is over, whose payment is late until it is made.
    """
    best: dict[str, Member] = {}
    for member in members:
        if member.id in links and snapshot.is_ordinary(links[member.id].slack_user_id):
            user_id = links[member.id].slack_user_id
            if user_id not in best or standing_of(member) > standing_of(best[user_id]):
                best[user_id] = member
    texts = []
    for user_id, member in sorted(best.items()):
        link = links[member.id]
        is_over = snapshot.has_lapsed(user_id) and grace.is_over(user_id)
        is_settled = is_over or access_of(member) is Standing.ACTIVE
        if is_settled and link.field_value != field_of(member):
            texts.append((link, field_of(member)))
    return texts


def set_fields(  # noqa: PLR0913 - collaborators, by name
    texts: list[tuple[AccountLink, str]],
    field_id: str,
    *,
    workspace: SlackWorkspace,
    limiter: SlackRateLimiter,
    store: Store,
    result: SlackSyncResult,
) -> None:
    """Set one profile after the other; one person's failure stops nobody else."""
    for number, (link, value) in enumerate(texts):
        user_id = link.slack_user_id
        try:
            limiter.of("users.profile.set")(partial(workspace.set_field, user_id, field_id, value))
        except PermanentVendorError as error:
            result.add_error(str(error), target="profile", person=user_id)
            log.warning("slack_sync.failed", target_id="profile", person=user_id, why=str(error))
        except (TimeUpError, VendorError) as stop:
            result.stopped, result.fields_left = str(stop), len(texts) - number
            log.warning("slack_sync.stopped", target_id="profile", why=str(stop))
            return
        else:
            store.slack.note_field(link.member_id, value)
            result.fields_set += 1


def to_propose(
    grace_periods: Iterable[SlackGracePeriod],
    links: Iterable[AccountLink],
    snapshot: MembershipSnapshot,
    *,
    now: datetime,
    after: timedelta,
) -> list[str]:
    """Return whose account staff may close: a member's who lapsed long ago, and who was not named yet."""
    linked = {link.slack_user_id for link in links}
    return sorted(
        grace_period.slack_user_id
        for grace_period in grace_periods
        if grace_period.slack_user_id in linked
        and grace_period.proposed_at is None
        and now - grace_period.since >= after
        and snapshot.has_lapsed(grace_period.slack_user_id)
    )[:MAX_PROPOSED]


def propose(  # noqa: PLR0913 - collaborators, by name
    user_ids: list[str],
    *,
    days: float,
    slack: Slack,
    limiter: SlackRateLimiter,
    store: Store,
    now: datetime,
    result: SlackSyncResult,
) -> None:
    """Tell staff of accounts that may be closed. Nothing else is ever done to an account.

    A message whose answer was lost counts as sent: it is told once too few rather than twice a day.
    """
    if not user_ids:
        return
    names = ", ".join(f"<@{user_id}>" for user_id in user_ids)
    text = (
        f"For {days:g} days or longer {len(user_ids)} people here have had no active membership. "
        f"Their accounts can be closed in Slack's administration; nothing happens by itself: {names}"
    )
    try:
        limiter.of("chat.postMessage")(partial(slack.post_message, slack.staff_channel, text))
    except VendorUncertainError as error:
        log.warning("slack_sync.proposal_uncertain", why=str(error))
    except (TimeUpError, VendorError) as error:
        result.add_error(str(error), target="proposal")
        log.warning("slack_sync.failed", target_id="proposal", why=str(error))
        return
    store.slack.note_proposed(user_ids, now=now)
    result.proposed = len(user_ids)
