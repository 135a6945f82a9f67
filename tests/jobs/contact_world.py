"""What the tests of contacts have in common."""

from include.store.dead_letters import Filter

ADA, NEW = "ada@example.org", "ada@new.example"


def becomes(world, what, email=ADA):
    """Let something happen to a contact that no call of ours causes."""
    world.sandbox.act("mailchimp_address", email=email, becomes=what)


def moves(world, email=ADA, new_email=NEW):
    """Let a member have another address; return the run that told us."""
    return world.run(*world.act("update_member", email=email, new_email=new_email))


def no_letter(world):
    """Check that nothing waits for a person."""
    assert world.store.dead_letters.select(Filter()) == []
    return True
