"""What the tests of the rules let happen: a story at the vendors, and the jobs hear of it."""

ADA = "ada@example.org"
DAY = 86_400


def act(world, story, **details):
    """Play a story, let the jobs hear of it, and return its ids."""
    since = len(world.sandbox.events())
    ids = world.sandbox.act(story, **details)
    if events := world.events(since=since):
        world.run(*events)
    return ids


def subscribe(world, email=ADA, *, name="Ada Lovelace", prices=("price_pro_month",), **details):
    """Let somebody subscribe by a checkout; return the ids of customer and subscription."""
    ids = act(world, "subscribe", email=email, name=name, prices=list(prices), **details)
    return ids["stripe_customer_id"], ids["stripe_subscription_id"]


def sign_up(world, email=ADA, **names):
    """Let somebody make an account, and return its id."""
    names = names or {"first_name": "Ada", "last_name": "Lovelace"}
    return act(world, "sign_up", email=email, **names)["clerk_user_id"]


def pass_time(world, seconds):
    """Let time pass, let the jobs hear of what falls due, and end what is due to end."""
    since = len(world.sandbox.events())
    world.pass_time(seconds=seconds)
    if events := world.events(since=since):
        world.run(*events)
    world.deactivate(f"due {world.clock.seconds}")


def findings(world, kind):
    """Count the open findings of a kind."""
    return world.store.findings.counts().get(kind, 0)


def statuses(member):
    """Return the statuses of somebody's memberships."""
    return sorted(str(m.status) for m in member.memberships)
