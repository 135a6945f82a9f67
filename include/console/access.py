"""Who asks, and what she may: each route says which right it needs, and is checked by itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request


class Right(StrEnum):
    """What somebody may do here; roles have them as permissions of Airflow's (`include/airflow_api/roles.py`)."""

    SEE = "Console"
    ADDRESSES = "Console Addresses"  # names and addresses of members
    DECIDE = "Console Members"  # about members: dead letters, planned ends, findings, notes
    OPERATE = "Console Operations"  # vendors, events, alerts
    BODIES = "Console Bodies"  # what a vendor sent, as it came


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Somebody who has logged in."""

    name: str
    rights: frozenset[Right]

    @property
    def actor(self) -> str:
        """Return her name as the audit log has it."""
        return f"user:{self.name}"

    @property
    def sees_names(self) -> bool:
        """Tell whether she may see who members are, and their addresses."""
        return Right.ADDRESSES in self.rights

    def may(self, right: str) -> bool:
        """Tell whether she has a right; templates ask by its name."""
        return Right[right] in self.rights


class NotLoggedInError(Exception):
    """Nobody has logged in, or her session is over; the text is where she does."""


class RefusedError(Exception):
    """She may not."""

    def __init__(self, visitor: Visitor, right: Right) -> None:
        """Keep who asked for what."""
        super().__init__(right)
        self.visitor = visitor
        self.right = right


Login = Callable[[Request], Awaitable[Visitor]]
"""Returns who asks; raises NotLoggedInError."""


def needs(right: Right) -> Callable[[Request], Awaitable[Visitor]]:
    """Return the dependency of a route: who asks, where she has the right; else RefusedError."""

    async def check(request: Request) -> Visitor:
        login: Login = request.app.state.login
        visitor = await login(request)
        if Right.SEE not in visitor.rights:
            raise RefusedError(visitor, Right.SEE)
        if right not in visitor.rights:
            raise RefusedError(visitor, right)
        return visitor

    return check


Sees = Annotated[Visitor, Depends(needs(Right.SEE))]
Decides = Annotated[Visitor, Depends(needs(Right.DECIDE))]
Operates = Annotated[Visitor, Depends(needs(Right.OPERATE))]
"""Who asks, as a route declares her; each by the right that the route needs."""
