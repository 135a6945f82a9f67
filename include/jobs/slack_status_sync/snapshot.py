"""Who should be where members are: the platform's members, matched with Slack's people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from include.errors import PermanentVendorError, Scope, VendorNotFoundError
from include.membership.standing import Standing, access_of, current_membership, has_access
from include.store.slack import AccountLink
from include.vendors.pages import all_pages
from include.vendors.slack.workspace import SlackUser, SlackUserKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from uuid import UUID

    from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter
    from include.membership.members import Member
    from include.vendors.slack.workspace import SlackWorkspace

log = structlog.get_logger(__name__)

FEW = 40
"""Up to so many questions about single people are asked; more are answered by the whole list, page by page."""


class SlackDirectory:
    """Slack's people by id and, where they are still there, by address."""

    def __init__(self, people: Iterable[SlackUser] = ()) -> None:
        """Know these."""
        self.by_id: dict[str, SlackUser] = {}
        self._by_email: dict[str, str] = {}
        for person in people:
            self.add(person)

    def add(self, person: SlackUser) -> None:
        """Know one more."""
        self.by_id[person.id] = person
        if person.email and person.kind not in (SlackUserKind.GONE, SlackUserKind.STRANGER):
            self._by_email[person.email] = person.id

    def id_of(self, email: str | None) -> str | None:
        """Return who has an address."""
        return self._by_email.get(email.lower()) if email else None

    def kind_of(self, user_id: str) -> SlackUserKind:
        """Return what somebody is; who is unknown is gone."""
        person = self.by_id.get(user_id)
        return SlackUserKind.GONE if person is None else person.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """Members and their accounts; `new` are links that were not known."""

    links: Mapping[UUID, AccountLink]
    new: tuple[AccountLink, ...]
    unmatched: int  # members with access but without an account that could be found


def read_people(
    members: Collection[Member],
    links: Mapping[UUID, AccountLink],
    present: Collection[str],
    *,
    workspace: SlackWorkspace,
    limiter: SlackRateLimiter,
) -> SlackDirectory:
    """Return Slack's people as far as they matter: one by one where they are few, else all of them.

    `present` are the ids of who is in the group and the channels. Who is not even in the whole list, which has the
    deactivated too, is of another workspace; and of whom Slack says nothing clear is left as she is.
    """
    ids = set(present) | {link.slack_user_id for link in links.values()}
    if len(ids) + len(_addresses(members, links)) > FEW:
        pages = all_pages(workspace.list_people, limiter.of("users.list"), vendor="Slack")
        people = SlackDirectory(person for page in pages for person in page.entries)
        for user_id in ids - people.by_id.keys():
            people.add(SlackUser(id=user_id, kind=SlackUserKind.STRANGER))
        return people
    people = SlackDirectory()
    for user_id in sorted(ids):
        read = partial(workspace.read_person, user_id)
        if not _add(people, read, limiter.of("users.info")):
            people.add(SlackUser(id=user_id, kind=SlackUserKind.STRANGER))
    settled = [member_id for member_id, link in links.items() if _is_settled(link, people)]
    for address in sorted(_addresses(members, settled)):
        find = partial(workspace.find_person, address)
        _add(people, find, limiter.of("users.lookupByEmail"))
    return people


def _addresses(members: Iterable[Member], settled: Collection[UUID]) -> set[str]:
    """Return the addresses of members in good standing of whom it is not settled who they are at Slack."""
    return {
        member.address
        for member in members
        if member.address and has_access(member) and member.id not in settled
    }


def _is_settled(link: AccountLink, people: SlackDirectory) -> bool:
    """Tell whether a link says who somebody is, so that her address need not be asked."""
    return link.by_hand or people.kind_of(link.slack_user_id) not in (
        SlackUserKind.GONE,
        SlackUserKind.STRANGER,
    )


def _add(
    people: SlackDirectory,
    read: Callable[[], SlackUser],
    call: Callable[[Callable[[], SlackUser]], SlackUser],
) -> bool:
    """Ask about one person; who has not joined, or is gone, is nobody. False where Slack says nothing clear of her."""
    try:
        people.add(call(read))
    except VendorNotFoundError:
        return True
    except PermanentVendorError as error:
        if error.scope is Scope.VENDOR:
            raise
        log.warning("slack_sync.unclear_person", why=str(error))
        return False
    return True


def match(
    members: Iterable[Member], links: Mapping[UUID, AccountLink], people: SlackDirectory
) -> Match:
    """Find every member's account: the one she is linked to, else the one with her address."""
    found: dict[UUID, AccountLink] = {}
    new: list[AccountLink] = []
    unmatched = 0
    for member in members:
        link = links.get(member.id)
        user_id = people.id_of(member.address)
        if link is not None and (_is_settled(link, people) or user_id is None):
            found[member.id] = link
        elif user_id is not None:
            found[member.id] = AccountLink(member_id=member.id, slack_user_id=user_id)
            new.append(found[member.id])
        elif has_access(member):
            unmatched += 1
    return Match(links=found, new=tuple(new), unmatched=unmatched)


def standings(members: Iterable[Member], links: Mapping[UUID, AccountLink]) -> dict[str, Standing]:
    """Return each account's standing: the best of the members who have it."""
    best: dict[str, Standing] = {}
    for member in members:
        if member.id in links:
            user_id = links[member.id].slack_user_id
            best[user_id] = max(best.get(user_id, Standing.NONE), access_of(member))
    return best


def field_of(member: Member) -> str:
    """Return what a member's profile says: until when she has paid, as a date; nothing without one."""
    membership = current_membership(member.memberships)
    if access_of(member) is not Standing.ACTIVE or membership is None:
        return ""
    end = membership.current_period_end
    return end.date().isoformat() if end else ""
