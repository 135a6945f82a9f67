"""User groups: `usergroups.*`. A group's people are set as a whole, and it cannot be emptied."""

from include.lab.sandbox.slack.arguments import Arguments, listed, required, truth
from include.lab.sandbox.slack.errors import done, refused
from include.lab.sandbox.slack.groups import Group
from include.lab.sandbox.slack.methods import method
from include.lab.sandbox.slack.state import SlackState
from include.lab.sandbox.wire import Answer


@method("usergroups.list")
def list_groups(state: SlackState, arguments: Arguments, _reader: str) -> Answer:
    """Return the groups; disabled ones only where they are asked for."""
    with_disabled = truth(arguments, "include_disabled")
    groups = [g for g in state.groups.values() if with_disabled or not g.date_delete]
    return done(
        usergroups=[
            group.document(
                with_users=truth(arguments, "include_users"),
                with_count=truth(arguments, "include_count"),
            )
            for group in groups
        ]
    )


@method("usergroups.users.list")
def list_group_users(state: SlackState, arguments: Arguments, _reader: str) -> Answer:
    """Return the ids of a group's people; a disabled group keeps them."""
    group = state.group(required(arguments, "usergroup"))
    if group.date_delete and not truth(arguments, "include_disabled"):
        raise refused("no_such_subteam")
    return done(users=group.users)


@method("usergroups.users.update")
def update_group_users(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Set a group's people; one who may not be in a group refuses the whole list."""
    group = state.group(required(arguments, "usergroup"))
    wanted = list(dict.fromkeys(listed(arguments, "users")))
    if not wanted:
        raise refused("no_users_provided")
    if not all(state.may_be_in_a_group(user_id) for user_id in wanted):
        raise refused("invalid_users")
    group.users = wanted
    return _changed(state, group, arguments, reader)


@method("usergroups.enable")
def enable_group(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Bring a disabled group back, with the people it had."""
    group = state.group(required(arguments, "usergroup"))
    group.date_delete = 0
    return _changed(state, group, arguments, reader)


@method("usergroups.disable")
def disable_group(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Put a group out of use; nobody is told any more who writes to it."""
    group = state.group(required(arguments, "usergroup"))
    group.date_delete = state.now()
    return _changed(state, group, arguments, reader)


def _changed(state: SlackState, group: Group, arguments: Arguments, reader: str) -> Answer:
    group.date_update, group.updated_by = state.now(), reader
    with_count = truth(arguments, "include_count")
    return done(usergroup=group.document(with_users=True, with_count=with_count))
