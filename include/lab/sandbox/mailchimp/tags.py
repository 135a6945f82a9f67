"""Tags. A tag is a static segment: the member's view and the list's view are one set. Its name has no case."""

from dataclasses import dataclass, field
from itertools import count

from include.lab.sandbox.mailchimp import errors
from include.lab.sandbox.mailchimp.contacts import AudienceContact

LONGEST_NAME = 100


@dataclass(slots=True, kw_only=True)
class Tag:
    """One tag; `members` maps contact ids to the moment they got it."""

    id: int
    name: str
    created_at: str
    updated_at: str
    members: dict[str, str] = field(default_factory=dict)


class Tags:
    """All tags of the list, by id."""

    def __init__(self) -> None:
        """Start without tags."""
        self.by_id: dict[int, Tag] = {}
        self._numbers = count(10_001)

    def named(self, name: str) -> Tag | None:
        """Return the tag of that name, or None."""
        return next(
            (tag for tag in self.by_id.values() if tag.name.casefold() == name.casefold()), None
        )

    def create(self, name: str, now: str) -> Tag:
        """Add a tag; its name must be new."""
        if not name or len(name) > LONGEST_NAME:
            raise errors.invalid_field("name", "Please enter a name of 1 to 100 characters")
        if self.named(name) is not None:
            raise errors.invalid_field("name", "Sorry, that tag already exists.")
        tag = Tag(id=next(self._numbers), name=name, created_at=now, updated_at=now)
        self.by_id[tag.id] = tag
        return tag

    def of(self, contact: AudienceContact) -> list[Tag]:
        """Return the tags a contact has, in the order of their making."""
        return [tag for tag in self.by_id.values() if contact.contact_id in tag.members]

    def give(self, tag: Tag, contact: AudienceContact, now: str) -> None:
        """Give a contact a tag; having it already is no error."""
        tag.members.setdefault(contact.contact_id, now)
        tag.updated_at = now

    def take(self, tag: Tag, contact: AudienceContact, now: str) -> None:
        """Take a tag from a contact; not having it is no error."""
        tag.members.pop(contact.contact_id, None)
        tag.updated_at = now

    def set(self, contact: AudienceContact, name: str, status: str, now: str) -> None:
        """Make a tag active or inactive for a contact; a new one is made to become active."""
        tag = self.named(name)
        if status == "active":
            self.give(tag or self.create(name, now), contact, now)
        elif tag is not None:
            self.take(tag, contact, now)

    def strip(self, contact: AudienceContact) -> None:
        """Take all tags from a contact that is gone."""
        for tag in self.by_id.values():
            tag.members.pop(contact.contact_id, None)
