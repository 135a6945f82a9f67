"""The newest state of each vendor's object that was applied: what is older changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.membership.states import AppliedObject, ObjectKey
from include.store.sql import MemberTable, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID


class Objects(MemberTable, file="objects"):
    """The table `ops.objects`."""

    def read(self, keys: Collection[ObjectKey]) -> dict[ObjectKey, AppliedObject]:
        """Return what is known of these objects."""
        if not keys:
            return {}
        providers, modes, object_ids = (list(column) for column in zip(*keys, strict=True))
        return _by_key(
            self._sql.read_objects(providers=providers, modes=modes, object_ids=object_ids)
        )

    def of_members(
        self, provider: str, member_ids: Collection[UUID]
    ) -> dict[ObjectKey, AppliedObject]:
        """Return a vendor's objects of these members."""
        return _by_key(
            self._sql.read_members_objects(provider=provider, member_ids=list(member_ids))
        )

    def save(self, objects: Iterable[AppliedObject]) -> None:
        """Write down what was applied; nothing goes back in time."""
        self._sql.save_objects(
            [
                values_of(applied, **applied.key._asdict(), provides=sorted(applied.provides))
                for applied in objects
            ]
        )


def _by_key(rows: Iterable[dict[str, Any]]) -> dict[ObjectKey, AppliedObject]:
    objects = {}
    for row in rows:
        key = ObjectKey(row.pop("provider"), row.pop("mode"), row.pop("object_id"))
        objects[key] = AppliedObject(key=key, provides=frozenset(row.pop("provides")), **row)
    return objects
