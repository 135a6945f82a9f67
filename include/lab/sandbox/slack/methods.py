"""The table of Slack's methods. Every method takes GET and POST, whatever its description lists."""

from collections.abc import Callable

from include.lab.sandbox.slack.arguments import Arguments, arguments_of, token_of
from include.lab.sandbox.slack.state import BOT, OWNER, SlackState
from include.lab.sandbox.wire import Answer, Call, Routes

ROUTES = Routes()

Method = Callable[[SlackState, Arguments, str], Answer]


def method(name: str) -> Callable[[Method], Method]:
    """Register a method: `(state, arguments, id of whose token it is)`. Its calls are counted."""

    def register(answer: Method) -> Method:
        def handle(state: SlackState, call: Call) -> Answer:
            state.count_call(name)
            return answer(state, arguments_of(call), reader_of(call))

        for verb in ("GET", "POST"):
            ROUTES.on(verb, f"/{name}")(handle)
        return answer

    return register


def reader_of(call: Call) -> str:
    """Return whose token a call has: `xoxp-` is the owner's own, any other the bot's."""
    return OWNER if token_of(call).startswith("xoxp-") else BOT
