"""The targets where members are: the user group, set as a whole, and channels, by invitation and removal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from include.batches import batches
from include.errors import (
    PermanentVendorError,
    TimeUpError,
    VendorError,
    VendorUncertainError,
)
from include.vendors.pages import all_pages
from include.vendors.slack.workspace import MAX_INVITED, SlackUserKind, UserGroup, WorkspaceChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from include.jobs.slack_status_sync.decide import TargetChange
    from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter
    from include.jobs.slack_status_sync.report import SlackSyncResult
    from include.vendors.slack.workspace import SlackWorkspace

NOT_IN_A_GROUP: Final = frozenset({SlackUserKind.GUEST, SlackUserKind.BOT, SlackUserKind.GONE})
"""One of these refuses a group's whole list."""

log = structlog.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class Changed:
    """Who came in and who went out."""

    added: set[str]
    removed: set[str]


class SlackTarget(Protocol):
    """Where members are."""

    id: str
    users: frozenset[str]
    cannot_stay: Collection[SlackUserKind]

    def apply(self, change: TargetChange, result: SlackSyncResult) -> Changed:
        """Bring a change about and return what of it came about; what is left or failed is in `result`."""


class GroupTarget:
    """The user group. A disabled one has nobody, whoever Slack still lists."""

    cannot_stay: Collection[SlackUserKind] = NOT_IN_A_GROUP

    def __init__(self, group_id: str, workspace: SlackWorkspace, limiter: SlackRateLimiter) -> None:
        """Read who is in it."""
        self.id = group_id
        self._workspace, self._turns = workspace, limiter
        self._group: UserGroup = limiter.of("usergroups.list")(
            partial(workspace.read_group, group_id)
        )
        self.users = frozenset() if self._group.is_disabled else self._group.users

    def apply(self, change: TargetChange, result: SlackSyncResult) -> Changed:
        """Set the list, or disable the group that nobody is left in; then read it back."""
        if change.is_empty:
            return Changed(added=set(), removed=set())
        try:
            if change.after:
                self._set(change.after)
            else:
                self._disable()
                result.targets[self.id].is_disabled = True
        except TimeUpError as over:
            result.stopped = str(over)
            result.targets[self.id].left = len(change.add | change.remove | change.dropped)
            return Changed(added=set(), removed=set())
        except VendorError as error:
            _note_failure(result, error, target=self.id)
            return Changed(added=set(), removed=set())
        result.targets[self.id].dropped = len(change.dropped)
        return Changed(added=set(change.add), removed=set(change.remove))

    def _set(self, target: frozenset[str]) -> None:
        if self._group.is_disabled:
            self._turns.of("usergroups.enable")(partial(self._workspace.enable_group, self.id))
        self._turns.of("usergroups.users.update")(
            partial(self._workspace.set_group_users, self.id, target)
        )
        shown = self._turns.of("usergroups.users.list")(
            partial(self._workspace.read_group_users, self.id)
        )
        if shown != target:
            raise VendorUncertainError(
                f"Slack shows another group than was set: {len(target - shown)} are missing, "
                f"{len(shown - target)} are too many"
            )

    def _disable(self) -> None:
        self._turns.of("usergroups.disable")(partial(self._workspace.disable_group, self.id))
        shown = self._turns.of("usergroups.list")(partial(self._workspace.read_group, self.id))
        if not shown.is_disabled:
            raise VendorUncertainError("Slack shows the group in use after it was disabled")


class ChannelTarget:
    """A channel. Guests and bots may be in it."""

    cannot_stay: Collection[SlackUserKind] = frozenset()

    def __init__(
        self, channel_id: str, workspace: SlackWorkspace, limiter: SlackRateLimiter
    ) -> None:
        """Read who is in it; raises PermanentVendorError for one that nobody can be taken out of or let in to."""
        self.id = channel_id
        self._workspace, self._turns = workspace, limiter
        channel = limiter.of("conversations.info")(partial(workspace.read_channel, channel_id))
        if obstacle := _obstacle(channel):
            raise PermanentVendorError(obstacle)
        read = partial(workspace.list_channel_users, channel_id)
        pages = all_pages(read, limiter.of("conversations.members"), vendor="Slack")
        self.users = frozenset(user_id for page in pages for user_id in page.entries)

    def apply(self, change: TargetChange, result: SlackSyncResult) -> Changed:
        """Let in, then take out, one person's failure stopping nobody else."""
        changed = Changed(added=set(), removed=set())
        todo = len(change.add) + len(change.remove)
        failed = len(result.errors)
        try:
            for batch in batches(sorted(change.add), MAX_INVITED):
                changed.added |= self._invite(batch, result)
            for user_id in sorted(change.remove):
                changed.removed |= self._kick(user_id, result)
        except (TimeUpError, VendorError) as stop:
            result.stopped = str(stop)
            done = len(changed.added) + len(changed.removed) + len(result.errors) - failed
            result.targets[self.id].left = todo - done
            log.warning("slack_sync.stopped", target_id=self.id, why=str(stop), left=todo - done)
        return changed

    def _invite(self, user_ids: list[str], result: SlackSyncResult) -> set[str]:
        """Let people in; where Slack refuses all for one, half of them and half again, until it is found."""
        invite = self._turns.of("conversations.invite")
        try:
            invite(partial(self._workspace.invite, self.id, user_ids))
        except PermanentVendorError as error:
            if len(user_ids) > 1:
                half = len(user_ids) // 2
                return self._invite(user_ids[:half], result) | self._invite(user_ids[half:], result)
            _note_failure(result, error, target=self.id, person=user_ids[0])
            return set()
        return set(user_ids)

    def _kick(self, user_id: str, result: SlackSyncResult) -> set[str]:
        try:
            self._turns.of("conversations.kick")(partial(self._workspace.kick, self.id, user_id))
        except PermanentVendorError as error:
            _note_failure(result, error, target=self.id, person=user_id)
            return set()
        return {user_id}


def read_targets(
    group_id: str,
    channel_ids: Iterable[str],
    workspace: SlackWorkspace,
    limiter: SlackRateLimiter,
    result: SlackSyncResult,
) -> list[SlackTarget]:
    """Return the targets that are configured; one that Slack refuses is an error, and the others go on."""
    makers: dict[str, Callable[[], SlackTarget]] = {}
    if group_id:
        makers[group_id] = partial(GroupTarget, group_id, workspace, limiter)
    for channel_id in channel_ids:
        makers[channel_id] = partial(ChannelTarget, channel_id, workspace, limiter)
    found: list[SlackTarget] = []
    for target_id, make in makers.items():
        try:
            found.append(make())
        except PermanentVendorError as error:
            _note_failure(result, error, target=target_id)
    return found


def _obstacle(channel: WorkspaceChannel) -> str | None:
    if channel.is_general:
        return "Slack takes nobody out of #general: leave it out of the connection's `channels`"
    if channel.is_archived:
        return "the channel is archived"
    return None if channel.has_us else "the app is not in the channel: invite it"


def _note_failure(
    result: SlackSyncResult, error: VendorError, *, target: str, person: str | None = None
) -> None:
    result.add_error(str(error), target=target, person=person)
    log.warning("slack_sync.failed", target_id=target, person=person, why=str(error))
