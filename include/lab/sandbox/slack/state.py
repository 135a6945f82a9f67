"""One workspace: its people, channels, user groups and messages."""

from collections.abc import Mapping
from typing import Any

from include.lab.sandbox.slack import messages
from include.lab.sandbox.slack.channels import GENERAL, OPS, Channel, Channels
from include.lab.sandbox.slack.errors import refused
from include.lab.sandbox.slack.groups import MEMBERS_GROUP, Group
from include.lab.sandbox.slack.limits import Limits
from include.lab.sandbox.slack.messages import Block, Message, Messages
from include.lab.sandbox.slack.people import WorkspaceUser, WorkspaceUsers
from include.lab.sandbox.vendor import Surroundings

OWNER = "U0OWNER0001"
BOT = "U0OPSBOT001"


class SlackState:
    """The workspace, with its owner and our app's bot in it from the start."""

    def __init__(self, around: Surroundings) -> None:
        """Start with the first owner, the bot and the first channels."""
        self.around = around
        self.people = WorkspaceUsers()
        self.limits = Limits()
        self.messages = Messages()
        owner = {"real_name": "Olivia Owner", "email": "owner@example.org", "user_id": OWNER}
        self.people.add(role="primary_owner", now=self.now(), **owner)
        self.people.add(real_name="Ops Bot", role="bot", now=self.now(), user_id=BOT)
        self.people.add(real_name="Slackbot", role="slackbot", now=0, user_id="USLACKBOT")
        self.channels = Channels(OWNER, BOT, self.now())
        members = Group(
            id=MEMBERS_GROUP,
            name="Members",
            handle="members",
            created_by=OWNER,
            date_create=self.now(),
        )
        self.groups = {members.id: members}

    def now(self) -> int:
        """Return the present second."""
        return self.around.clock.seconds()

    def count_call(self, method: str) -> None:
        """Count a call against its method's limit, unless limits are switched off."""
        if self.around.switches.slack_limits:
            self.limits.count_call(method, self.around.clock.now())

    def join(self, person: WorkspaceUser) -> None:
        """Put somebody new into #general, as Slack does; a guest or a bot comes nowhere by herself."""
        if not (person.is_guest or person.is_bot or person.is_stranger):
            self.channels.by_id[GENERAL].members[person.id] = None

    def group(self, group_id: str) -> Group:
        """Return a user group, or refuse."""
        if group_id not in self.groups:
            raise refused("no_such_subteam")
        return self.groups[group_id]

    def may_be_in_a_group(self, user_id: str) -> bool:
        """Tell whether Slack takes somebody into a user group: no guest, no bot, nobody who is gone."""
        person = self.people.by_id.get(user_id)
        return person is not None and not (
            person.is_guest or person.is_bot or person.is_deactivated or person.is_stranger
        )

    def deactivate(self, person: WorkspaceUser) -> None:
        """Take somebody out of everything; her messages stay."""
        person.is_deactivated, person.updated = True, self.now()
        for channel in self.channels.by_id.values():
            channel.members.pop(person.id, None)
        for group in self.groups.values():
            group.users = [user_id for user_id in group.users if user_id != person.id]

    def writable(self, key: str, writer: str) -> Channel:
        """Return the channel of an id or a name that a message may go to, or refuse."""
        channel = self.channels.get(key, writer, by_name=True)
        if channel.is_archived:
            raise refused("is_archived")
        if writer not in channel.members:
            raise refused("not_in_channel")
        return channel

    def post(self, channel: Channel, text: str, blocks: Any, *, thread: str, via: str) -> Message:
        """Add a message to a channel, a second after its last at the earliest."""
        readable: list[Block] = messages.refuse_unreadable(text, blocks)
        if self.around.switches.slack_limits:
            self.limits.count_message(channel.id, self.around.clock.now())
        ts = self.messages.next_ts(self.around.clock.now())
        message = Message(channel=channel.id, ts=ts, text=text, blocks=readable, via=via)
        message.thread_ts = thread or None
        return self.messages.add(message)

    def update(self, channel: Channel, ts: str, text: str | None, blocks: Any) -> Message:
        """Change a message; what is not given stays."""
        message = self.messages.find(channel.id, ts)
        if message is None:
            raise refused("message_not_found")
        text = message.text if text is None else text
        message.blocks = messages.refuse_unreadable(
            text, message.blocks if blocks is None else blocks
        )
        message.text = text
        message.edited = f"{self.now()}.000000"
        return message

    def webhook_channel(self) -> Channel:
        """Return the channel of the incoming webhook."""
        return self.channels.by_id[OPS]

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return people, channels and messages; of one address, user or channel, or of all."""
        person = self._wanted_person(wanted)
        people = list(self.people.by_id.values()) if wanted is None else [person] if person else []
        ids = {p.id for p in people}
        channels = [
            c
            for c in self.channels.by_id.values()
            if wanted in (None, c.id, c.name) or ids & c.members.keys()
        ]
        shown = {c.id for c in channels if person is None}
        return {
            "people": [{**p.document(), "role": p.role} for p in people],
            "channels": [{**c.document(BOT), "members": list(c.members)} for c in channels],
            "groups": [g.document(with_users=True, with_count=True) for g in self.groups.values()],
            "messages": [m.as_json() for m in self.messages.all if m.channel in shown],
        }

    def _wanted_person(self, wanted: str | None) -> WorkspaceUser | None:
        if wanted is None:
            return None
        return self.people.by_id.get(wanted) or self.people.by_email(wanted)
