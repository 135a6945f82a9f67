"""Clerk's Backend API (clerk.com/docs/reference/backend-api): reads of what events may be wrong about."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests
import structlog

from include.errors import (
    PayloadError,
    PermanentVendorError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
)
from include.events.clerk import user_from
from include.events.reading import node_from
from include.vendors.clock_skew import date_in
from include.vendors.http import KeyHeader, pause_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from include.events import UserSnapshot
    from include.events.reading import Node
    from include.vendors.manifest import VendorAccess

PAGE = 500  # Clerk's most

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedUser:
    """A user as it is now, and when it changed last."""

    user: UserSnapshot
    changed_at: datetime


def connect(access: VendorAccess) -> Clerk:
    """Return a client of the connection `clerk`."""
    return Clerk(**access.http("clerk"))


class Clerk:
    """What we ask of Clerk."""

    def __init__(
        self, session: requests.Session, *, api_key: str, base_url: str, timeout_seconds: float
    ) -> None:
        """Call `base_url`, which ends in the version, over a session of the http provider's hook."""
        self._session = session
        self._authorize = KeyHeader("Authorization", f"Bearer {api_key}")
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds

    def list_users(self) -> Iterator[UserSnapshot]:
        """Return all users as they are now, oldest first, so that a new one shifts no page."""
        for offset in count(0, PAGE):
            users = self._users(PAGE, offset, "+created_at")
            yield from _readable(users)
            if len(users) < PAGE:
                return

    def list_users_changed(self, since: datetime, *, most: int) -> Iterator[ChangedUser]:
        """Return the users that have changed since then, the last change first; at most so many.

        Who has changed while this is read comes first and may be missed here: the next look finds her.
        """
        for offset in range(0, most, PAGE):
            users = self._users(min(PAGE, most - offset), offset, "-updated_at")
            for node in users:
                changed_at = node.instant("updated_at")
                if changed_at is None or changed_at < since:
                    return
                for user in _readable([node]):
                    yield ChangedUser(user=user, changed_at=changed_at)
            if len(users) < PAGE:
                return

    def check(self) -> datetime | None:
        """Read at most one user; return what time Clerk has."""
        return date_in(self._get(f"{self._base_url}/users", {"limit": 1}).headers)

    def read_environment(self) -> str:
        """Return what kind of instance it is: `production`, `development` or another one."""
        answer = self._get(f"{self._base_url}/instance")
        return node_from(answer.content).text("environment_type")

    def read_user(self, user_id: str) -> UserSnapshot:
        """Return the user as it is now; VendorNotFoundError for one who was deleted."""
        answer = self._get(f"{self._base_url}/users/{quote(user_id, safe='')}")
        return user_from(node_from(answer.content))

    def _users(self, limit: int, offset: int, order_by: str) -> list[Node]:
        query: dict[str, str | int] = {"limit": limit, "offset": offset, "order_by": order_by}
        answer = self._get(f"{self._base_url}/users", query)
        return node_from(b'{"users":' + answer.content + b"}").nodes("users")  # it is a bare list

    def _get(self, url: str, query: Mapping[str, str | int] | None = None) -> requests.Response:
        try:
            answer = self._session.get(
                url, params=query, auth=self._authorize, timeout=self._timeout_seconds
            )
        except requests.RequestException:
            raise VendorUnavailableError("Clerk does not answer").by("clerk") from None
        if not answer.ok:
            raise _error_from(answer).by("clerk")
        return answer


def _readable(users: Iterable[Node]) -> Iterator[UserSnapshot]:
    """Return the users; one that cannot be read is left out."""
    for user in users:
        try:
            yield user_from(user)
        except PayloadError as error:
            log.warning("clerk.unreadable", object_id=user.values.get("id"), reason=str(error))


def _error_from(answer: requests.Response) -> VendorError:
    status = answer.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        pause = pause_in(answer.headers)
        return VendorBusyError("Clerk: too many calls", retry_after_seconds=pause)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return VendorUnavailableError(f"Clerk answers {status}")
    if status == HTTPStatus.NOT_FOUND:
        return VendorNotFoundError("Clerk does not know the user")
    return PermanentVendorError(f"Clerk refuses the call: {status}")
