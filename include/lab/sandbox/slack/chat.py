"""Messages: `chat.*` and the incoming webhook."""

from urllib.parse import parse_qs

import orjson

from include.lab.sandbox.slack import errors
from include.lab.sandbox.slack.arguments import Arguments, document, required, text
from include.lab.sandbox.slack.messages import Message
from include.lab.sandbox.slack.methods import ROUTES, method
from include.lab.sandbox.slack.people import TEAM, bot_id_of
from include.lab.sandbox.slack.state import BOT, OWNER, SlackState
from include.lab.sandbox.wire import Answer, Call, Json, Refusal

WEBHOOK = "/slack/services"
"""The incoming webhook is beside the Web API, so its path is not shortened by `/slack/api`."""

REFUSED_WITH = {"invalid_blocks": 400, "no_text": 400, "channel_is_archived": 410}


SCOPES = {
    BOT: "chat:write,users:read,users:read.email,usergroups:read,usergroups:write,"
    "channels:read,channels:manage,groups:read,groups:write",
    OWNER: "users.profile:write",
}
"""What the tokens may do, as Slack says in a header of its answers."""


@method("auth.test")
def auth_test(state: SlackState, _arguments: Arguments, reader: str) -> Answer:
    """Say who asks, and what her token may do."""
    who = state.people.by_id[reader]
    fields = {
        "url": "https://sandbox.example.org/",
        "team": "Sandbox",
        "user": who.name,
        "team_id": TEAM,
        "user_id": who.id,
        "is_enterprise_install": False,
    }
    answer = errors.done(**fields, **({"bot_id": bot_id_of(who.id)} if who.is_bot else {}))
    answer.headers["x-oauth-scopes"] = SCOPES[reader]
    return answer


@method("chat.postMessage")
def post_message(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Post into a channel, named by id or `#name`; a reply where `thread_ts` is a message."""
    channel = state.writable(required(arguments, "channel"), reader)
    message = state.post(
        channel,
        text(arguments, "text"),
        document(arguments, "blocks", "invalid_blocks_format"),
        thread=text(arguments, "thread_ts"),
        via="chat.postMessage",
    )
    return errors.done(channel=channel.id, ts=message.ts, message=shown(message, reader))


@method("chat.update")
def update_message(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Change one of our own messages."""
    channel = state.writable(required(arguments, "channel"), reader)
    message = state.update(
        channel,
        required(arguments, "ts"),
        text(arguments, "text") if "text" in arguments else None,
        document(arguments, "blocks", "invalid_blocks_format"),
    )
    changed = {"text": message.text}
    return errors.done(channel=channel.id, ts=message.ts, text=message.text, message=changed)


def shown(message: Message, writer: str) -> Json:
    """Return a message as its writer gets it back."""
    fields: Json = {"type": "message", "text": message.text, "ts": message.ts, "user": writer}
    if writer == BOT:
        fields |= {"bot_id": bot_id_of(writer), "team": TEAM}
    if message.blocks:
        fields["blocks"] = message.blocks
    if message.thread_ts:
        fields["thread_ts"] = message.thread_ts
    return fields


@ROUTES.on("POST", WEBHOOK + "/{team}/{service}/{secret}")
def incoming_webhook(state: SlackState, call: Call, team: str, service: str, secret: str) -> Answer:
    """Post into the webhook's channel; the answer is a word, not JSON."""
    wanted = state.around.settings.slack_webhook
    if wanted is not None and f"{team}/{service}/{secret}" != wanted.get_secret_value():
        return errors.text(404, "no_service")
    try:
        payload = payload_of(call)
        post_from_webhook(state, payload)
    except Refusal as refusal:
        return as_word(refusal.answer)
    return errors.text(200, "ok")


def payload_of(call: Call) -> Json:
    """Return a webhook's payload: JSON, or JSON in the form field `payload`."""
    body = call.body
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = parse_qs(body.decode("utf-8", "replace")).get("payload", [""])[0].encode()
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise errors.refused("invalid_payload") from None
    if not isinstance(payload, dict):
        raise errors.refused("invalid_payload")
    return payload


def post_from_webhook(state: SlackState, payload: Json) -> None:
    """Post what a payload says."""
    channel = state.webhook_channel()
    if channel.is_archived:
        raise errors.refused("channel_is_archived")
    state.post(
        channel,
        text(payload, "text"),
        payload.get("blocks"),
        thread=text(payload, "thread_ts"),
        via="webhook",
    )


def as_word(answer: Answer) -> Answer:
    """Return a refusal of the Web API as an incoming webhook says it."""
    if answer.status == errors.TOO_MANY_REQUESTS:
        return errors.text(answer.status, "rate_limited", **answer.headers)
    code = str(orjson.loads(answer.body)["error"])
    return errors.text(REFUSED_WITH.get(code, 400), code)
