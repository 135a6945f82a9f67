"""Channels: `conversations.*`."""

from include.lab.sandbox.slack.arguments import Arguments, listed, required, text, truth
from include.lab.sandbox.slack.channels import Channel
from include.lab.sandbox.slack.errors import done, refused
from include.lab.sandbox.slack.methods import method
from include.lab.sandbox.slack.pages import page_of
from include.lab.sandbox.slack.state import SlackState
from include.lab.sandbox.wire import Answer

MOST_INVITED = 1000
KINDS = {"public_channel": False, "private_channel": True}


@method("conversations.list")
def list_channels(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Return a page of the channels that the reader sees; public ones where no type is asked for."""
    kinds = {KINDS[k] for k in listed(arguments, "types") or ["public_channel"] if k in KINDS}
    without_archived = truth(arguments, "exclude_archived")
    found = [
        channel
        for channel in state.channels.seen_by(reader)
        if channel.is_private in kinds and not (without_archived and channel.is_archived)
    ]
    page, metadata = page_of(found, arguments, usual=100)
    return done(channels=[c.document(reader) for c in page], response_metadata=metadata)


@method("conversations.info")
def channel_info(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Return one channel."""
    channel = state.channels.get(required(arguments, "channel"), reader)
    return done(channel=channel.document(reader))


@method("conversations.members")
def channel_members(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Return a page of the ids of who is in a channel."""
    channel = state.channels.get(required(arguments, "channel"), reader)
    page, metadata = page_of(list(channel.members), arguments, usual=100)
    return done(members=page, response_metadata=metadata)


@method("conversations.invite")
def invite(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Let people into a channel; one who cannot be invited keeps all the others out."""
    channel = _open_to(state, arguments, reader)
    wanted = list(dict.fromkeys(listed(arguments, "users")))
    if not wanted:
        raise refused("no_user")
    if len(wanted) > MOST_INVITED:
        raise refused("too_many_users")
    problems = {user_id: _obstacle(state, channel, user_id, reader) for user_id in wanted}
    errors = [
        {"user": user_id, "ok": False, "error": code} for user_id, code in problems.items() if code
    ]
    if errors:
        raise refused(str(errors[0]["error"]), errors=errors)
    channel.members.update(dict.fromkeys(wanted))
    return done(channel=channel.document(reader))


@method("conversations.kick")
def kick(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Take one person out of a channel."""
    channel = state.channels.get(required(arguments, "channel"), reader)
    person = state.people.get(text(arguments, "user"))
    if channel.is_general:
        raise refused("cant_kick_from_general")
    if person.id == reader:
        raise refused("cant_kick_self")
    if person.is_bot:
        raise refused("user_is_bot")
    if reader not in channel.members or person.id not in channel.members:
        raise refused("not_in_channel")
    del channel.members[person.id]
    return done()


def _open_to(state: SlackState, arguments: Arguments, reader: str) -> Channel:
    """Return a channel into which the reader may invite, or refuse."""
    channel = state.channels.get(required(arguments, "channel"), reader)
    if channel.is_archived:
        raise refused("is_archived")
    if reader not in channel.members:
        raise refused("not_in_channel")
    return channel


def _obstacle(state: SlackState, channel: Channel, user_id: str, reader: str) -> str:
    """Return why somebody cannot be invited; nothing where she can."""
    person = state.people.by_id.get(user_id)
    if person is None:
        return "user_not_found"
    if user_id == reader:
        return "cant_invite_self"
    if user_id in channel.members:
        return "already_in_channel"
    if person.is_deactivated:
        return "cant_invite"
    return "ura_max_channels" if person.role == "single_channel_guest" else ""
