"""Who may ask, and what is answered when the same is asked twice."""

from collections.abc import Callable

from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.stripe import errors
from include.lab.sandbox.stripe.state import StripeState
from include.lab.sandbox.wire import Answer, Call, basic_of


def once(state: StripeState, call: Call, answer: Callable[[], Answer]) -> Answer:
    """Honour `Idempotency-Key`: the same request has the same answer, another one is refused.

    Nothing is saved for a request that was refused (docs.stripe.com/api/idempotent_requests).
    """
    key = call.headers.get("idempotency-key")
    if call.method != "POST" or key is None:
        return answer()
    request = (call.path, call.body)
    if key in state.saved:
        first_request, first_answer = state.saved[key]
        if first_request != request:
            raise errors.key_reused(key)
        replayed = {**first_answer.headers, "idempotent-replayed": "true"}
        return Answer(first_answer.status, first_answer.body, first_answer.content_type, replayed)
    first = answer()
    state.saved[key] = (request, first)
    return first


def authorize(settings: SandboxSettings, call: Call) -> None:
    """Take the key from bearer authorization, or as the user name of basic authorization."""
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    key = basic_of(call)[0] if scheme.lower() == "basic" else credentials
    if not key:
        raise errors.no_key()
    wanted = settings.stripe_api_key
    if wanted is not None and key != wanted.get_secret_value():
        raise errors.invalid_key()
