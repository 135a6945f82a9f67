"""Which guest is which member: by address, without case, and by rule with or without what follows a plus sign."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

from include.events.values import address_from
from include.jobs.membership import Standing, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.store.members import Member


class Rule(StrEnum):
    """What a plus address is: somebody of her own, or the member without it."""

    DISTINCT = "distinct"
    SAME = "same"


class Denial(StrEnum):
    """Why a guest is not let in."""

    NO_ADDRESS = "registered without an address"
    UNKNOWN = "no member has this address"
    NOT_ACTIVE = "the membership is not active"


def mailbox_of(address: str, rule: Rule) -> str:
    """Return what is compared of an address."""
    plain = address_from(address) or ""
    local, at, domain = plain.rpartition("@")
    name = local.partition("+")[0]
    return f"{name}{at}{domain}" if rule is Rule.SAME and name else plain


class Register:
    """The members who may be meant, by mailbox."""

    def __init__(self, members: Iterable[Member], rule: Rule) -> None:
        """Know these members."""
        self._rule = rule
        self._standings: defaultdict[str, set[Standing]] = defaultdict(set)
        for member in members:
            if member.email:
                self._standings[mailbox_of(member.email, rule)].add(standing_of(member))

    def denial(self, email: str | None) -> Denial | None:
        """Return why this guest is not let in, or None for an active member."""
        if email is None:
            return Denial.NO_ADDRESS
        standings = self._standings.get(mailbox_of(email, self._rule))
        if standings is None:
            return Denial.UNKNOWN
        return None if Standing.ACTIVE in standings else Denial.NOT_ACTIVE
