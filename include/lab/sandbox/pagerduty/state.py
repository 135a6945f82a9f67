"""PagerDuty's alerts: one open alert per key; what is told of it again is counted."""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from include.lab.sandbox.pagerduty import errors
from include.lab.sandbox.vendor import Surroundings

KEY_LENGTH = 32
SEVERITIES = ("critical", "error", "warning", "info")
MOST_KEY, MOST_SUMMARY = 255, 1024
ACTIONS = ("trigger", "acknowledge", "resolve")

Json = dict[str, Any]


class PagerDutyState:
    """The alerts by routing key and dedup key, and the events in their order."""

    def __init__(self, around: Surroundings) -> None:
        """Start without alerts."""
        self.around = around
        self.events: list[Json] = []
        self.alerts: dict[tuple[str, str], Json] = {}

    def take(self, event: Json) -> str:
        """Take an event; return its dedup key, or refuse."""
        self._refuse(event)
        key = event.get("dedup_key") or token_hex(16)
        self.events.append({"at": self.around.clock.now(), **event, "dedup_key": key})
        getattr(self, f"_{event['event_action']}")(event["routing_key"], key, event)
        return str(key)

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return alerts and events; of one dedup key, or all."""
        alerts = [one for one in self.alerts.values() if wanted in (None, one["dedup_key"])]
        events = [one for one in self.events if wanted in (None, one["dedup_key"])]
        return {"alerts": alerts, "events": events}

    def _trigger(self, routing_key: str, key: str, event: Json) -> None:
        """Open an alert, or add to the open one of this key."""
        alert = self.alerts.get((routing_key, key))
        if alert is not None and alert["status"] != "resolved":
            alert["triggers"] += 1
            return
        payload = event["payload"]
        self.alerts[routing_key, key] = {
            "dedup_key": key,
            "status": "triggered",
            "triggers": 1,
            "opened_at": self.around.clock.now(),
            "resolved_at": None,
            "summary": payload["summary"],
            "severity": payload["severity"],
            "component": payload.get("component"),
            "class": payload.get("class"),
            "links": event.get("links", []),
        }

    def _acknowledge(self, routing_key: str, key: str, _event: Json) -> None:
        alert = self.alerts.get((routing_key, key))
        if alert is not None and alert["status"] == "triggered":
            alert["status"] = "acknowledged"

    def _resolve(self, routing_key: str, key: str, _event: Json) -> None:
        """Resolve an open alert; without one nothing happens, and that is no error."""
        alert = self.alerts.get((routing_key, key))
        if alert is not None and alert["status"] != "resolved":
            alert["status"], alert["resolved_at"] = "resolved", self.around.clock.now()

    def _refuse(self, event: Json) -> None:
        """Refuse what PagerDuty would, with all that is wrong with it."""
        known = self.around.settings.pagerduty_routing_key
        wrong = list(_faults(event))
        if not wrong and known is not None and event["routing_key"] != known.get_secret_value():
            wrong = ["Invalid routing key"]
        if wrong:
            raise errors.invalid(wrong)


def _faults(event: Json) -> list[str]:
    key, action = event.get("routing_key"), event.get("event_action")
    found = []
    if not isinstance(key, str) or len(key) != KEY_LENGTH:
        found.append(f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)")
    if action not in ACTIONS:
        found.append(
            "'event_action' is missing or blank" if not action else "'event_action' is not valid"
        )
    dedup_key = event.get("dedup_key")
    if action in ACTIONS[1:] and not dedup_key:
        found.append("'dedup_key' is missing or blank")
    if dedup_key is not None and (not isinstance(dedup_key, str) or len(dedup_key) > MOST_KEY):
        found.append(f"'dedup_key' is longer than {MOST_KEY} characters")
    return found + (_faults_of_payload(event.get("payload")) if action == "trigger" else [])


def _faults_of_payload(payload: object) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    found = [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not payload.get(name)
    ]
    if payload.get("severity") not in (None, *SEVERITIES):
        found.append(
            "'payload.severity' is invalid (must be one of critical, error, warning, info)"
        )
    if len(str(payload.get("summary"))) > MOST_SUMMARY:
        found.append(f"'payload.summary' is longer than {MOST_SUMMARY} characters")
    return found
