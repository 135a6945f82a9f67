"""PagerDuty's Events API v2 (developer.pagerduty.com/docs/events-api-v2): an incident per firing, and its end.

One call, made here: the vendor's package refuses plain http, so no stand-in could answer it, and it tries a
throttled key again without end (docs/decisions/0024).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import requests

from include.errors import (
    PermanentVendorError,
    Scope,
    VendorBusyError,
    VendorError,
    VendorUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.alerts.texts import AlertMessage
    from include.vendors.manifest import VendorAccess

SEVERITIES: Final = {
    "critical": "critical",
    "high": "error",
    "medium": "warning",
    "warning": "warning",
    "low": "info",
    "info": "info",
}
"""Ours → PagerDuty's."""

SUMMARY_LENGTH: Final = 1024


def connect_channel(access: VendorAccess) -> PagerDuty:
    """Return the channel of the connection `pagerduty`."""
    account = access.account("pagerduty")
    return PagerDuty(
        account.password,
        routing_keys=account.extra.get("routing_keys", {}),
        base_url=account.host,
        source=access.airflow_url,
        timeout_seconds=access.settings.vendor_timeout_seconds,
    )


class PagerDuty:
    """What we tell PagerDuty. One key makes one incident, so that telling it twice is harmless."""

    is_repeatable = True

    def __init__(
        self,
        routing_key: str,
        *,
        routing_keys: Mapping[str, str],
        base_url: str,
        source: str,
        timeout_seconds: float,
    ) -> None:
        """Call `base_url`, which ends in the version; `routing_keys` are of the services with one of their own."""
        self._routing_key = routing_key
        self._routing_keys = dict(routing_keys)
        self._url = f"{base_url.rstrip('/')}/enqueue"
        self._source = source
        self._timeout_seconds = timeout_seconds

    def send(self, to: str, message: AlertMessage) -> str | None:
        """Open the incident of this firing, or resolve it; return its key."""
        event: dict[str, Any] = {
            "routing_key": self._routing_keys.get(to) or self._routing_key,
            "event_action": "resolve" if message.is_end else "trigger",
            "dedup_key": message.key,
        }
        if not message.is_end:
            links = [{"href": link.url, "text": link.text} for link in message.examples]
            if message.runbook.startswith("http"):
                links.append({"href": message.runbook, "text": "Runbook"})
            event |= {"payload": self._payload(to, message), "links": links}
        self._post(event)
        return message.key

    def was_sent(self, _to: str, _message: AlertMessage) -> bool | None:
        """Never needed: a message is told again instead."""
        return None

    def check(self) -> None:
        """Resolve an incident that never was: PagerDuty looks at the key and wakes nobody."""
        for key in {self._routing_key, *self._routing_keys.values()} - {""}:
            self._post({"routing_key": key, "event_action": "resolve", "dedup_key": "ops.check"})
        if not self._routing_key:
            raise PermanentVendorError("PagerDuty: no routing key is set")

    def _payload(self, to: str, message: AlertMessage) -> dict[str, Any]:
        return {
            "summary": f"{message.title}: {message.facts[0]}"[:SUMMARY_LENGTH],
            "source": self._source,
            "severity": SEVERITIES[message.severity],
            "timestamp": message.at.isoformat(),
            "component": to,
            "class": message.rule,
            "custom_details": {"text": message.text},
        }

    def _post(self, event: Mapping[str, Any]) -> None:
        try:
            answer = requests.post(self._url, json=event, timeout=self._timeout_seconds)
        except requests.RequestException:
            raise VendorUnavailableError("PagerDuty does not answer") from None
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise _error_from(answer)


def _error_from(answer: requests.Response) -> VendorError:
    status = answer.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return VendorBusyError("PagerDuty: too many events")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return VendorUnavailableError(f"PagerDuty answers {status}")
    refusal = PermanentVendorError(f"PagerDuty refuses the event: {status}")
    is_about_us = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    return refusal.about(Scope.VENDOR) if is_about_us else refusal
