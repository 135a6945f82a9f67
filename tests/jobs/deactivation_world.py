"""What the tests of deactivation have in common."""

from include.membership.ends import EndState

ADA = "ada@example.org"
HOUR = 3600


def the_end(world):
    """Return the only planned end."""
    [row] = world.ends()
    return row


def is_over(world):
    """Tell whether the only member has lost everything, and tell what is wrong if only half of it."""
    over = (
        [m.status for m in world.member().memberships] == ["canceled"],
        world.profiles() == [False],
        world.contact()["tags"] == {"alumni"},
        "member:deactivated" in world.audit(),
        the_end(world).state is EndState.DONE,
    )
    assert len(set(over)) == 1, over
    return over[0]
