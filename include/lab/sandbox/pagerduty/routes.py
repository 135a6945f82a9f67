"""PagerDuty's operations: HTTP in and out."""

import orjson

from include.lab.sandbox.pagerduty import errors
from include.lab.sandbox.pagerduty.state import PagerDutyState
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import Answer, Call, Routes, json_answer

ROUTES = Routes()


@ROUTES.on("POST", "/enqueue")
def enqueue(state: PagerDutyState, call: Call) -> Answer:
    """Take an event."""
    try:
        event = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise errors.invalid(["JSON is not valid"]) from None
    if not isinstance(event, dict):
        raise errors.invalid(["Event object is not an object"])
    key = state.take(event)
    return json_answer({"status": "success", "message": "Event processed", "dedup_key": key}, 202)


VENDOR = Vendor(
    name="pagerduty",
    base="/v2",
    description=lambda _call, _switches: "pagerduty-events.openapi.json",
    routes=ROUTES,
    new_state=PagerDutyState,
    authorize=lambda _settings, _call: None,  # the key is in the event
    no_such_route=lambda _call: errors.not_found(),
)
