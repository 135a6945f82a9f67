"""A workspace full of people, of every kind there is in one."""

import random

from pydantic import BaseModel, ConfigDict, Field

from include.lab.sandbox.slack.channels import MEMBERS
from include.lab.sandbox.slack.groups import MEMBERS_GROUP
from include.lab.sandbox.slack.people import Role, WorkspaceUser
from include.lab.sandbox.slack.state import SlackState
from include.lab.sandbox.wire import Json

FIRST_NAMES = ("Ada", "Grace", "Katherine", "Radia", "Joan", "Frances", "Barbara", "Lynn")
LAST_NAMES = ("Lovelace", "Hopper", "Johnson", "Perlman", "Clarke", "Allen", "Liskov", "Conway")


class WorkspaceWish(BaseModel):
    """Whom to put into the workspace.

    First come `members`, by address; the others have the addresses that a seed of members with the same prefix
    and seed has. The first of all are owners, admins, guests and deactivated people, as many as asked for.
    """

    model_config = ConfigDict(extra="forbid")

    people: int = Field(ge=0, le=20_000)
    members: list[str] = []
    owners: int = Field(default=0, ge=0)
    admins: int = Field(default=0, ge=0)
    guests: int = Field(default=0, ge=0)
    deactivated: int = Field(default=0, ge=0)
    bots: int = Field(default=0, ge=0)
    in_group: int = Field(default=0, ge=0)
    in_channel: int = Field(default=0, ge=0)
    seed: int = 1
    prefix: str = Field(default="member", pattern=r"^[A-Za-z0-9._+-]+$")


def seed_workspace(state: SlackState, wish: WorkspaceWish) -> Json:
    """Make the people; the last of them are in the user group and in the members' channel."""
    dice = random.Random(wish.seed)  # noqa: S311 - chance for tests, not for secrets
    people = [_person(state, wish, number, dice) for number in range(wish.people)]
    for number in range(wish.bots):
        state.people.add(real_name=f"Bot {number}", role="bot", now=state.now())
    ordinary = [p.id for p in people if p.role == "member" and not p.is_deactivated]
    if wish.in_group:
        state.group(MEMBERS_GROUP).users = ordinary[-wish.in_group :]
    if wish.in_channel:
        state.channels.by_id[MEMBERS].members |= dict.fromkeys(ordinary[-wish.in_channel :])
    return {"people": [_shown(person) for person in people]}


def _person(
    state: SlackState, wish: WorkspaceWish, number: int, dice: random.Random
) -> WorkspaceUser:
    name = f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}"
    email = f"{wish.prefix}{wish.seed}.{number}@example.org"
    if number < len(wish.members):
        email = wish.members[number]
    role, is_deactivated = _kind(wish, number)
    person = state.people.add(real_name=name, role=role, now=state.now(), email=email)
    person.is_deactivated = is_deactivated
    if not is_deactivated:
        state.join(person)
    return person


def _kind(wish: WorkspaceWish, number: int) -> tuple[Role, bool]:
    """Return who the person of that number is, and whether she is deactivated."""
    kinds: tuple[tuple[int, Role, bool], ...] = (
        (wish.owners, "owner", False),
        (wish.admins, "admin", False),
        (wish.guests, "guest", False),
        (wish.deactivated, "member", True),
    )
    for count, role, is_deactivated in kinds:
        if number < count:
            return role, is_deactivated
        number -= count
    return "member", False


def _shown(person: WorkspaceUser) -> Json:
    return {
        "id": person.id,
        "email": person.email,
        "role": person.role,
        "is_deactivated": person.is_deactivated,
    }
