"""Which guest is which member: by address, without case, and by rule with or without what follows a plus sign."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

from include.events.values import address_from
from include.membership.standing import has_access

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.membership.members import Member


class PlusAddressRule(StrEnum):
    """What a plus address is: somebody of her own, or the member without it."""

    DISTINCT = "distinct"
    SAME = "same"


class Denial(StrEnum):
    """Why a guest is not let in."""

    NO_ADDRESS = "registered without an address"
    UNKNOWN = "no member has this address"
    NOT_ACTIVE = "the membership is not active"


def mailbox_of(address: str, rule: PlusAddressRule) -> str:
    """Return what is compared of an address."""
    plain = address_from(address) or ""
    local, at, domain = plain.rpartition("@")
    name = local.partition("+")[0]
    return f"{name}{at}{domain}" if rule is PlusAddressRule.SAME and name else plain


class Register:
    """The members who may be meant, by mailbox."""

    def __init__(self, members: Iterable[Member], rule: PlusAddressRule) -> None:
        """Know these members."""
        self._rule = rule
        self._access: defaultdict[str, set[bool]] = defaultdict(set)
        for member in members:
            for address in member.all_addresses:
                self._access[mailbox_of(address, rule)].add(has_access(member))

    def denial(self, email: str | None) -> Denial | None:
        """Return why this guest is not let in, or None for a member who has access."""
        if email is None:
            return Denial.NO_ADDRESS
        found = self._access.get(mailbox_of(email, self._rule))
        if found is None:
            return Denial.UNKNOWN
        return None if True in found else Denial.NOT_ACTIVE
